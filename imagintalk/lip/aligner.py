"""Lip aligner: visual encoder -> Conformer -> content tokens at 50 Hz.

ResNet, Conformer and a projector to discrete speech tokens are the paper's (arXiv 2503.14928); the cosine similarity
to a trained token table over a temperature, and the upsampling, are our choices (DESIGN section 2).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.config import LipsConfig, TokensConfig
from imagintalk.lip.frames import valid_frames
from imagintalk.lip.temporal import TemporalEncoder
from imagintalk.lip.visual import VisualEncoder
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME


class Alignment(NamedTuple):
    """What the aligner says of a batch of clips. T50 = 2 T."""

    features: Tensor
    """(B, T50, token_width) lip features z, 50 Hz, zero where padded."""
    logits: Tensor
    """(B, T50, size) cosine similarity to each token / temperature, float32, 50 Hz."""


class LipAligner(nn.Module):
    """(B, T, side, side) normalised mouths at 25 fps -> `Alignment` at 50 Hz. `tokens` is the trained token table."""

    def __init__(self, config: LipsConfig, tokens: TokensConfig) -> None:
        super().__init__()
        self.visual = VisualEncoder(config)
        self.project = nn.Linear(self.visual.channels, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.temporal = TemporalEncoder(config)
        self.upsample = nn.Linear(config.width, TOKENS_PER_VIDEO_FRAME * config.token_width)
        self.tokens = nn.Embedding(tokens.size, config.token_width)
        self.temperature = config.temperature

    def forward(self, mouth: Tensor, lengths: Tensor) -> Alignment:
        """Mouth (B, T, side, side) from `crop`, lengths (B,) in video frames."""
        return self.align(self.visual(mouth, lengths), lengths)

    def align(self, seen: Tensor, lengths: Tensor) -> Alignment:
        """What `forward` does behind the visual encoder, whose output `seen` (B, T, channels) is, 25 Hz."""
        x = self.temporal(self.dropout(self.project(seen)), lengths)
        # Each video frame gives its own token frames: no interpolation, so T50 is exactly 2 T and stays in step.
        z = self.upsample(x).unflatten(-1, (TOKENS_PER_VIDEO_FRAME, -1)).flatten(1, 2)
        z = z * valid_frames(lengths * TOKENS_PER_VIDEO_FRAME, z.shape[1])[..., None]
        return Alignment(z, self.logits(z))

    def logits(self, features: Tensor) -> Tensor:
        """(B, T50, token_width) -> (B, T50, size), float32: bfloat16 cosines cannot tell close tokens apart."""
        with torch.autocast(features.device.type, enabled=False):
            table = functional.normalize(self.tokens.weight.float(), dim=-1)
            return functional.normalize(features.float(), dim=-1) @ table.T / self.temperature
