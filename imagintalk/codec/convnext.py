"""ConvNeXt block over time, the trunk of both spectral ends of the codec (Siuzdak 2023, Vocos, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvNeXtBlock(nn.Module):
    """(batch, width, frames) -> the same shape. Receptive field 7 frames."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 3 * width)
        self.contract = nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.contract(nn.functional.gelu(self.expand(y)))
        return x + (self.scale * y).transpose(1, 2)


def convnext_trunk(inputs: int, width: int, layers: int) -> nn.Sequential:
    """(batch, inputs, frames) -> (batch, width, frames)."""
    blocks = [ConvNeXtBlock(width, scale=1 / layers) for _ in range(layers)]
    return nn.Sequential(nn.Conv1d(inputs, width, 3, padding=1), *blocks)
