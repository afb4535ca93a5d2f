"""Temporal encoder: torchaudio's Conformer (the paper's choice), made blind to padding."""

from __future__ import annotations

from torch import Tensor, nn
from torchaudio.models.conformer import ConformerLayer

from imagintalk.config import LipsConfig
from imagintalk.lip.frames import valid_frames


class _Layer(ConformerLayer):
    """torchaudio's layer masks padding in attention only; its depthwise convolution would carry it into real frames."""

    def forward(self, input: Tensor, key_padding_mask: Tensor | None) -> Tensor:
        """(T, B, D), (B, T) True where padded -> (T, B, D)."""
        x = input + 0.5 * self.ffn1(input)
        y = self.self_attn_layer_norm(x)
        y, _ = self.self_attn(y, y, y, key_padding_mask=key_padding_mask, need_weights=False)
        x = x + self.self_attn_dropout(y)
        convolution = self.conv_module
        y = convolution.layer_norm(x).permute(1, 2, 0)
        y = convolution.sequential[:2](y)
        if key_padding_mask is not None:
            y = y.masked_fill(key_padding_mask[:, None], 0.0)
        x = x + convolution.sequential[2:](y).permute(2, 0, 1)
        return self.final_layer_norm(x + 0.5 * self.ffn2(x))


class TemporalEncoder(nn.Module):
    """(B, T, width) and lengths (B,) -> (B, T, width), any rate. Padding never changes a real frame in eval mode."""

    def __init__(self, config: LipsConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _Layer(config.width, 4 * config.width, config.heads, config.convolution_kernel, config.dropout)
            for _ in range(config.layers)
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = valid_frames(lengths, x.shape[1])
        padded = None if bool(valid.all()) else ~valid
        x = x.transpose(0, 1)
        for layer in self.layers:
            x = layer(x, padded)
        return x.transpose(0, 1)
