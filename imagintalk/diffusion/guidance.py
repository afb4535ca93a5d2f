"""Classifier-free guidance with a weight per condition, after DEmoFace's enhanced predictor-free guidance.

The source (arXiv 2502.01046, section 4.3 and appendix C) drops each condition for 10 % of the samples and all of them
for 10 % in training, and multiplies two scores when sampling: the joint one, weight w_0, and the compositional one,
s(x) prod_k (s(x, c_k) / s(x))^w_k. Its values are w_0 = 1.9, identity 1.0, emotion 1.0, text 1.6.

Ours: the unconditional score is counted once, not twice, so that w_0 = 1 and w_k = 0 is the plain conditional score;
and the guided scores are scaled back to the total that they would have unguided, so that guidance says which code
comes, never how soon (arXiv 2507.08965 shows the harm of the latter in masked diffusion).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from imagintalk.config import Guidance
from imagintalk.diffusion.conditions import NAMES, Conditions
from imagintalk.diffusion.dit import StyleDiT

DROP = 0.1

ScoreFn = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(codes (batch, levels, frames) int64, t (batch,), where (batch, levels, frames) bool) -> log-scores
(positions, size) of the positions `where`, in row-major order. Any network, or a stand-in, can be sampled from."""


def drop_conditions(batch: int, generator: torch.Generator | None = None) -> Tensor:
    """Which conditions a training batch keeps, (batch, 3), bool, on the CPU: each dropped 10 %, all dropped 10 %."""
    keep = torch.rand(batch, len(NAMES), generator=generator) >= DROP
    return keep & (torch.rand(batch, 1, generator=generator) >= DROP)


def guided_score(
    network: StyleDiT, conditions: Conditions, guidance: Guidance, frame_mask: Tensor | None = None
) -> ScoreFn:
    """The score of `network` under `guidance`, all passes in one forward. frame_mask: (batch, frames), bool."""
    passes = guidance.passes()
    count = len(passes)
    batch = conditions.identity.shape[0]
    device = conditions.identity.device
    keep = torch.tensor([kept for _, kept in passes], device=device).repeat_interleave(batch, dim=0)
    factors = torch.tensor([factor for factor, _ in passes], device=device)
    repeated = conditions.repeat(count)
    mask = None if frame_mask is None else frame_mask.repeat(count, 1)

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        flat: Tensor = network(
            codes.repeat(count, 1, 1), t.float().repeat(count), repeated, where.repeat(count, 1, 1), keep, mask
        )
        if count == 1:
            return flat
        each = flat.view(count, -1, flat.shape[-1])
        guided: Tensor = (each * factors[:, None, None]).sum(0)
        # The first pass is the joint one wherever its weight is not 0; its total is the rate of unmasking to keep.
        return guided.log_softmax(-1) + each[0].logsumexp(-1, keepdim=True)

    return score
