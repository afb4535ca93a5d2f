"""The sound that a score network expects: what its sampler would put in place of [MASK], before it picks entries."""

from __future__ import annotations

import torch
from torch import Tensor


def expected_latents(
    log_scores: Tensor, codes: Tensor, masked: Tensor, active: Tensor, codebooks: Tensor
) -> tuple[Tensor, Tensor]:
    """Expected and true latents, each (batch, frames, dimension), of the levels that are active.

    log_scores: (positions, size) of the positions `masked`, in its row-major order. codes, masked: (batch, levels,
    frames), the clean codes and where they were hidden. active: (batch,), how many levels count. codebooks: (levels,
    size, dimension).
    Where nothing was hidden the two are the same.
    """
    batch, levels, frames = codes.shape
    counts = torch.arange(levels, device=codes.device) < active[:, None]
    entries = torch.stack([book[code] for book, code in zip(codebooks, codes.transpose(0, 1), strict=True)], dim=1)
    true = (entries * counts[:, :, None, None]).sum(dim=1)
    sample, level, frame = masked.nonzero(as_tuple=True)
    missed = torch.zeros(batch * frames, codebooks.shape[2], dtype=true.dtype, device=true.device)
    for number, book in enumerate(codebooks):
        here = level == number
        expected = log_scores[here].float().softmax(-1) @ book
        place = sample[here] * frames + frame[here]
        missed = missed.index_add(0, place, expected - book[codes[:, number][sample[here], frame[here]]])
    return true + missed.view_as(true), true
