"""Span masking for 50 Hz tokens.

A token lasts several frames, so a single masked frame can be copied from its neighbour; only longer spans teach
what follows what. Our choice, not the paper's.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

LONGEST_SPAN = 25
"""Frames at 50 Hz: half a second, about two syllables."""
SHARE = (0.15, 0.40)
"""Range of the share of each clip's frames under a span."""
REPLACED_SPANS = 0.2
"""Share of spans that hold one random token instead of <mask>: the model learns to doubt what it is shown."""
REPLACED_FRAMES = 0.03
"""Share of the other frames with a random token."""


def corrupt(tokens: Tensor, lengths: Tensor, size: int, mask: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Tokens (B, T50) int64, lengths (B,) in frames -> (B, T50) with `mask` or random ids, and where (B, T50) bool.

    `mask` is the id that stands for <mask>. `generator` is a CPU generator; draws do not depend on the padding.
    """
    damaged, where = tokens.clone(), torch.zeros_like(tokens, dtype=torch.bool)
    for i, length in enumerate(lengths.tolist()):
        share = SHARE[0] + (SHARE[1] - SHARE[0]) * float(torch.rand((), generator=generator))
        wanted, hidden = round(share * length), torch.zeros(length, dtype=torch.bool)
        row = torch.full((length,), mask)
        scattered = torch.rand(length, generator=generator) < REPLACED_FRAMES
        row[scattered] = torch.randint(0, size, (length,), generator=generator)[scattered]
        while int(hidden.sum()) < wanted:
            span = min(_integer(1, LONGEST_SPAN, generator), wanted - int(hidden.sum()))
            start = _integer(0, length - span, generator)
            replaced = float(torch.rand((), generator=generator)) < REPLACED_SPANS
            row[start : start + span] = _integer(0, size - 1, generator) if replaced else mask
            hidden[start : start + span] = True
        changed = (hidden | scattered).to(tokens.device)
        where[i, :length] = changed
        damaged[i, :length] = torch.where(changed, row.to(tokens.device), tokens[i, :length])
    return damaged, where


def _integer(lowest: int, highest: int, generator: Generator) -> int:
    """Uniform, both ends included."""
    return int(torch.randint(lowest, highest + 1, (), generator=generator))
