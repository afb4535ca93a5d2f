"""Losses of the lip aligner. All are means over real frames, so a longer clip weighs by its frames."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from imagintalk.lip.frames import valid_frames

UNLABELLED = -100
"""Word label of a frame that has none."""


def token_loss(logits: Tensor, ids: Tensor, lengths: Tensor, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy. Logits (B, T50, size), ids (B, T50) int64, lengths (B,) in 50 Hz frames -> scalar."""
    valid = valid_frames(lengths, ids.shape[1])
    return functional.cross_entropy(logits[valid].float(), ids[valid], label_smoothing=smoothing)


def word_loss(logits: Tensor, words: Tensor, lengths: Tensor, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy. Logits (B, T50, words), words (B, T50) int64 or `UNLABELLED` -> scalar, 0 with no label."""
    labelled = valid_frames(lengths, words.shape[1]) & (words != UNLABELLED)
    total = functional.cross_entropy(
        logits[labelled].float(), words[labelled], label_smoothing=smoothing, reduction="sum"
    )
    return total / labelled.sum().clamp(min=1)


def acoustic_loss(predicted: Tensor, acoustic: Tensor, lengths: Tensor) -> Tensor:
    """Squared error, summed over D. Both (B, T50, D), lengths (B,) in 50 Hz frames -> scalar."""
    valid = valid_frames(lengths, acoustic.shape[1])
    return functional.mse_loss(predicted[valid].float(), acoustic[valid].float()) * acoustic.shape[-1]
