"""Score entropy of SEDD for the absorbing state (Lou et al. 2024, arXiv 2310.16834, section 3 and appendix)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from imagintalk.diffusion.corruption import Corrupted
from imagintalk.diffusion.schedule import LogLinearSchedule


@dataclass(frozen=True)
class DiffusionLoss:
    """Loss of one batch."""

    total: Tensor
    """Scalar, nats per valid code."""
    cross_entropy: Tensor
    """(levels,), detached, nats per masked code of each level under softmax of the scores; NaN where none was."""


def score_entropy(log_scores: Tensor, target: Tensor, t: Tensor, schedule: LogLinearSchedule) -> Tensor:
    """sigma'(t) [sum_y s_y - r log s_x0 + r (log r - 1)] of masked positions, never negative, 0 at the true score.

    log_scores: (positions, size), free. target: (positions,), int64, the clean code x0. t: (positions,). In nats.
    The true score of one known x0 is r at x0 and 0 elsewhere.
    """
    log_ratio = schedule.log_ratio(t)
    ratio = log_ratio.exp()
    at_target = log_scores.gather(-1, target[:, None])[:, 0]
    inner = log_scores.exp().sum(-1) - ratio * at_target + ratio * (log_ratio - 1)
    return schedule.rate(t) * inner


def normalised_score_entropy(log_scores: Tensor, target: Tensor, t: Tensor, schedule: LogLinearSchedule) -> Tensor:
    """`score_entropy` of scores that are known to add up to r: sigma'(t) r (-log p_x0), p = softmax of the scores.

    Same shapes. The two agree; this one spares the difference of sums that cancel. (Here sigma' r = 1 / t, which is
    the loss of MDLM, arXiv 2406.07524.)
    """
    at_target = log_scores.gather(-1, target[:, None])[:, 0]
    log_ratio = schedule.log_ratio(t)
    return schedule.rate(t) * log_ratio.exp() * (log_ratio - at_target)


def diffusion_loss(
    log_scores: Tensor,
    codes: Tensor,
    corrupted: Corrupted,
    t: Tensor,
    schedule: LogLinearSchedule,
    normalised: bool,
) -> DiffusionLoss:
    """Score entropy of one batch, summed over masked codes and divided by the number of valid ones.

    log_scores: (positions, size) at `corrupted.masked`, in its row-major order. codes: (batch, levels, frames), clean.
    t: (batch,). Padding, known codes and levels that the curriculum has not reached count nowhere.
    """
    masked = corrupted.masked
    target = codes[masked]
    times = t[:, None, None].expand(codes.shape)[masked]
    entropy = normalised_score_entropy if normalised else score_entropy
    total = entropy(log_scores.float(), target, times, schedule).sum() / corrupted.valid.sum().clamp(min=1)
    return DiffusionLoss(total, _cross_entropy_by_level(log_scores.detach().float(), target, masked))


def _cross_entropy_by_level(log_scores: Tensor, target: Tensor, masked: Tensor) -> Tensor:
    each = torch.nn.functional.cross_entropy(log_scores, target, reduction="none")
    level = torch.arange(masked.shape[1], device=masked.device)[None, :, None].expand(masked.shape)[masked]
    zeros = torch.zeros(masked.shape[1], device=masked.device)
    return zeros.index_add(0, level, each) / zeros.index_add(0, level, torch.ones_like(each))
