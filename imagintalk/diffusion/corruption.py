"""The forward process: codes turn into [MASK], which is the number after the last entry of the codebook."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from imagintalk.diffusion.schedule import LogLinearSchedule

SMALLEST_TIME = 1e-3
"""Training never draws t below this: the weight of the loss grows as 1 / t (SEDD, `sampling_eps`)."""


@dataclass(frozen=True)
class Corrupted:
    """Codes after the forward process, and which of them the loss looks at."""

    codes: Tensor
    """(batch, levels, frames), int64, [MASK] = codebook size."""
    masked: Tensor
    """(batch, levels, frames), bool: became [MASK] by chance and carries loss."""
    valid: Tensor
    """(batch, levels, frames), bool: active, not padding, not known; the loss is averaged over these."""


def stratified_times(batch: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw t for each sample, (batch,), float32, uniform in [1e-3, 1], one in each of `batch` equal strata.

    Our choice, from variational diffusion models (arXiv 2107.00630): it lowers the variance of the loss. CPU.
    """
    offset = torch.rand((), generator=generator)
    uniform = (offset + torch.arange(batch) / batch) % 1.0
    return SMALLEST_TIME + (1 - SMALLEST_TIME) * uniform


def corrupt(
    codes: Tensor,
    t: Tensor,
    codebook_size: int,
    schedule: LogLinearSchedule,
    generator: torch.Generator | None = None,
    active: Tensor | int | None = None,
    known: Tensor | None = None,
    frame_mask: Tensor | None = None,
) -> Corrupted:
    """Turn each code into [MASK] with probability 1 - exp(-sigma-bar(t)).

    codes: (batch, levels, frames), int64, codec rate. t: (batch,). generator: on the CPU.
    active: how many levels the curriculum has reached, one number or (batch,); None is all. Levels beyond are all
    [MASK] and carry no loss. (One level added every few epochs is DEmoFace's curriculum, section 4.4.)
    known: broadcastable to codes, bool, stays as it is. frame_mask: (batch, frames), True where not padding.
    """
    batch, levels, _ = codes.shape
    reached = torch.as_tensor(levels if active is None else active, device=codes.device).expand(batch)
    open_levels = torch.arange(levels, device=codes.device) < reached[:, None]
    valid = open_levels[:, :, None].expand(codes.shape)
    if frame_mask is not None:
        valid = valid & frame_mask[:, None, :]
    if known is not None:
        valid = valid & ~known
    chance = torch.rand(codes.shape, generator=generator).to(codes.device)
    masked = valid & (chance < schedule.mask_probability(t.to(codes.device))[:, None, None])
    hidden = masked | ~open_levels[:, :, None]
    return Corrupted(torch.where(hidden, codebook_size, codes), masked, valid)


def group_stage(level_groups: tuple[int, ...], group: Tensor) -> tuple[Tensor, Tensor]:
    """The `active` and `known` of `corrupt` that show a network the stage of the sampler's `level_groups`.

    Our choice. level_groups: sizes of consecutive groups of levels, coarse first. group: (batch,), int64, the stage
    of each sample. Gives active (batch,) and known (batch, levels, 1): coarser groups are known, finer ones all [MASK].
    """
    ends = torch.tensor(level_groups, device=group.device).cumsum(0)
    starts = ends - torch.tensor(level_groups, device=group.device)
    level = torch.arange(int(ends[-1]), device=group.device)
    return ends[group], (level < starts[group][:, None])[:, :, None]
