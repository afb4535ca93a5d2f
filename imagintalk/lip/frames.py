"""Which frames of a padded batch are real."""

from __future__ import annotations

import torch
from torch import Tensor


def valid_frames(lengths: Tensor, frames: int) -> Tensor:
    """(B,) lengths in frames -> (B, frames) bool, True on the first `lengths[i]` frames of row i."""
    return torch.arange(frames, device=lengths.device)[None] < lengths[:, None]
