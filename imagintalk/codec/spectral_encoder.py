"""Encoder that looks at the spectrum instead of the waveform.

Ours, not the paper's: codes that carry no phase are what lips and voice can predict, and the encoder runs at the
codec's frame rate, which two CPU cores can train.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagintalk.codec.convnext import convnext_trunk
from imagintalk.codec.frames import short_time_spectrum


class SpectralEncoder(nn.Module):
    """Samples (batch, 1, frames * hop) -> latents (batch, dimension, frames).

    A long window (4 hops) resolves harmonics, a short one (half a hop, two per frame) resolves onsets.
    """

    def __init__(self, hop: int, dimension: int, width: int, layers: int) -> None:
        super().__init__()
        self.hop = hop
        self.long, self.short = 4 * hop, hop
        inputs = self.long // 2 + 1 + 2 * (self.short // 2 + 1)
        self.norm = nn.BatchNorm1d(inputs)
        self.trunk = convnext_trunk(inputs, width, layers)
        self.out = nn.Conv1d(width, dimension, 1)

    def forward(self, samples: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.features(samples[:, 0].float())
        return self.out(self.trunk(self.norm(features)))

    def features(self, samples: Tensor) -> Tensor:
        """Log magnitudes (batch, inputs, frames) of samples (batch, frames * hop)."""
        long = short_time_spectrum(samples, self.long, self.hop).abs()
        short = short_time_spectrum(samples, self.short, self.hop // 2).abs()
        batch, bins, halves = short.shape
        short = short.reshape(batch, bins, halves // 2, 2).transpose(2, 3).reshape(batch, 2 * bins, halves // 2)
        return torch.cat([long, short], dim=1).clamp_min(1e-4).log()
