"""Dense heads used in training only; the shipped model has none of them. Our choice, not the paper's.

Little data needs a target at every frame: the word spoken there, and its sound.
"""

from __future__ import annotations

from torch import Tensor, nn


class AuxiliaryHeads(nn.Module):
    """(B, T50, token_width) lip features -> word logits (B, T50, words) and sound (B, T50, acoustic), 50 Hz."""

    def __init__(self, token_width: int, words: int, acoustic: int) -> None:
        super().__init__()
        self.words = nn.Linear(token_width, words)
        self.acoustic = nn.Linear(token_width, acoustic)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.words(features), self.acoustic(features)
