"""Dual-adaLN (paper, architecture figure): identity speaks to the channels, emotion to the frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNEL_PARTS = 6
TEMPORAL_PARTS = 2
BOTTLENECK = 2


def rotary_angles(frames: int, head_width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of rotary position encoding (arXiv 2104.09864), each (frames, head_width / 2), float32.

    Our choice for this network (DEmoFace uses it in its cross-attention): it knows distances only, so
    that no clip is too long.
    """
    half = head_width // 2
    frequency = 10_000.0 ** (-torch.arange(half, device=device) / half)
    angle = torch.arange(frames, device=device)[:, None] * frequency
    return angle.cos(), angle.sin()


def rotate(values: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of channels of (batch, heads, frames, head_width) by their frame's angle."""
    first, second = values.chunk(2, dim=-1)
    cosine, sine = cosine.to(values.dtype), sine.to(values.dtype)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


class SelfAttention(nn.Module):
    """Multi-head self-attention over frames."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, angles: tuple[Tensor, Tensor], attend: Tensor | None) -> Tensor:
        """x: (batch, frames, width). attend: (batch, 1, 1, frames), bool, True where not padding."""
        batch, frames, width = x.shape
        query, key, value = self.inputs(x).view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = rotate(query, *angles), rotate(key, *angles)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attend)
        output: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, frames, width))
        return output


class ConditionMlp(nn.Module):
    """A block's Channel or Temporal MLP. Its last layer starts at zero, so that the block starts as the identity.

    The hidden size, half of the condition's, is ours: it keeps conditioning a small part of the parameters.
    """

    def __init__(self, condition_width: int, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        hidden = max(8, condition_width // BOTTLENECK)
        self.first = nn.Linear(condition_width, hidden)
        self.last = nn.Linear(hidden, parts * width)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        """condition: (batch, frames or 1, condition_width). Returns `parts` of (batch, frames or 1, width)."""
        parts: Tensor = self.last(functional.silu(self.first(condition)))
        return parts.chunk(self.parts, dim=-1)


class DualAdaLnBlock(nn.Module):
    """One block of the Style-DiT.

    Each sub-layer: LayerNorm, channel scale and shift, times the temporal scale, MHSA (or MLP), times the channel
    gate, plus the residual. No temporal shift, no temporal gate.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: int, condition_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.channel = ConditionMlp(condition_width, width, CHANNEL_PARTS)
        self.temporal = ConditionMlp(condition_width, width, TEMPORAL_PARTS)
        self.attention = SelfAttention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width), nn.GELU(approximate="tanh"), nn.Linear(mlp_ratio * width, width)
        )

    def forward(
        self, x: Tensor, channel: Tensor, temporal: Tensor, angles: tuple[Tensor, Tensor], attend: Tensor | None
    ) -> Tensor:
        """x: (batch, frames, width). channel, temporal: (batch, 1 and frames, condition_width)."""
        scale_1, shift_1, gate_1, scale_2, shift_2, gate_2 = self.channel(channel)
        frame_scale_1, frame_scale_2 = self.temporal(temporal)
        modulated = (self.norm(x) * (1 + scale_1) + shift_1) * (1 + frame_scale_1)
        x = x + gate_1 * self.attention(modulated, angles, attend)
        modulated = (self.norm(x) * (1 + scale_2) + shift_2) * (1 + frame_scale_2)
        output: Tensor = x + gate_2 * self.mlp(modulated)
        return output
