"""Distance of band envelopes over syllables, which is what makes speech intelligible."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.rates import SAMPLE_RATE

LOWEST_HZ, BANDS = 150.0, 15
WINDOW_S, HOP_S = 0.0256, 0.0128
SEGMENT = 30
"""Frames of a segment: 384 ms."""
EPSILON = 1e-6


class EnvelopeLoss(nn.Module):
    """1 - mean correlation of third-octave envelopes within segments of 384 ms, 0 for the same sound.

    Ours, in the form of the extended short-time objective intelligibility (Jensen & Taal 2016, section II): each band
    loses its mean and scale over the segment, then each frame over the bands. Unlike the measure it looks at every
    frame, quiet ones too.
    """

    bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.window, self.hop, self.size = round(WINDOW_S * SAMPLE_RATE), round(HOP_S * SAMPLE_RATE), 1024
        frequency = torch.linspace(0, SAMPLE_RATE / 2, self.size // 2 + 1)
        centres = LOWEST_HZ * 2.0 ** (torch.arange(BANDS) / 3)
        edge = 2.0 ** (1 / 6)
        bands = (frequency >= centres[:, None] / edge) & (frequency < centres[:, None] * edge)
        self.register_buffer("bands", bands.float(), persistent=False)

    def forward(self, generated: Tensor, true: Tensor) -> Tensor:
        """generated, true: (batch, N) samples at 24 kHz, N at least 0.4 s."""
        product = (self._normalised(generated) * self._normalised(true)).sum(dim=2)
        return 1 - product.mean()

    def _normalised(self, samples: Tensor) -> Tensor:
        """(batch, segments, bands, SEGMENT), unit length over the bands."""
        window = torch.hann_window(self.window, device=samples.device)
        spectrum = torch.stft(samples, self.size, self.hop, self.window, window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        envelope = (self.bands @ power + EPSILON).sqrt()
        segments = envelope.unfold(2, SEGMENT, SEGMENT // 6).transpose(1, 2)
        segments = segments - segments.mean(dim=3, keepdim=True)
        segments = functional.normalize(segments, dim=3, eps=EPSILON)
        segments = segments - segments.mean(dim=2, keepdim=True)
        return functional.normalize(segments, dim=2, eps=EPSILON)
