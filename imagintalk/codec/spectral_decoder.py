"""Inverse-STFT decoder: a trunk as in Vocos, whose spectrum is a filtered pulse train plus filtered noise.

Ours, not the paper's. Vocos predicts the phase from nothing and needs a long adversarial training for it; a pulse train
at the predicted pitch brings the phase along, so that spectral losses alone reach clean speech in minutes of CPU time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from imagintalk.codec.convnext import convnext_trunk
from imagintalk.codec.excitation import minimum_phase, pulse_train
from imagintalk.codec.frames import inverse_short_time_spectrum, short_time_spectrum
from imagintalk.rates import SAMPLE_RATE

LOWEST_HZ, HIGHEST_HZ, PITCH_BINS = 55.0, 660.0, 96
SUBFRAMES = 2
"""Spectral frames a codec frame: 100 Hz, because consonants are shorter than a codec frame."""
SIZE_IN_HOPS = 4


@dataclass(frozen=True)
class Prosody:
    """Pitch as the decoder reads it from the latents, `SUBFRAMES` frames a codec frame."""

    pitch_logits: Tensor
    """(batch, PITCH_BINS, subframes) over log-spaced bins."""
    voiced_logit: Tensor
    """(batch, subframes)."""

    @property
    def pitch_hz(self) -> Tensor:
        """(batch, subframes), the expectation over the bins in log frequency."""
        bins = pitch_bins_hz().log().to(self.pitch_logits)
        return torch.einsum("bkt,k->bt", self.pitch_logits.softmax(dim=1), bins).exp()


def pitch_bins_hz() -> Tensor:
    """(PITCH_BINS,) centres in Hz."""
    return torch.logspace(math.log10(LOWEST_HZ), math.log10(HIGHEST_HZ), PITCH_BINS)


class SpectralDecoder(nn.Module):
    """Latents (batch, dimension, frames) -> samples (batch, 1, frames * hop)."""

    def __init__(self, hop: int, dimension: int, width: int, layers: int) -> None:
        super().__init__()
        self.hop = hop // SUBFRAMES
        self.size = SIZE_IN_HOPS * self.hop
        self.bins = self.size // 2 + 1
        self.trunk = convnext_trunk(dimension, width, layers)
        self.norm = nn.LayerNorm(width)
        self.filters = nn.Linear(width, SUBFRAMES * 2 * self.bins)
        self.prosody = nn.Linear(width, SUBFRAMES * (PITCH_BINS + 1))
        # Speech in silence is far below 1; starting there spares the first hundreds of steps.
        nn.init.constant_(self.filters.bias, -5.0)

    def forward(self, latents: Tensor) -> Tensor:
        filters, prosody = self.read(latents)
        voiced = (prosody.voiced_logit > 0).float()
        return self.render(filters, prosody.pitch_hz, voiced)

    def read(self, latents: Tensor) -> tuple[Tensor, Prosody]:
        """Log magnitudes of both filters (batch, 2, bins, subframes), and the pitch."""
        x = self.norm(self.trunk(latents).transpose(1, 2))
        batch, frames, _ = x.shape
        filters = self.filters(x).float().reshape(batch, frames * SUBFRAMES, 2, self.bins).permute(0, 2, 3, 1)
        prosody = self.prosody(x).float().reshape(batch, frames * SUBFRAMES, PITCH_BINS + 1).transpose(1, 2)
        return filters.clamp(-14.0, 6.0), Prosody(prosody[:, :PITCH_BINS], prosody[:, PITCH_BINS])

    def render(self, filters: Tensor, pitch_hz: Tensor, voiced: Tensor) -> Tensor:
        """Samples (batch, 1, frames * hop) from filters, and pitch and voicing (batch, subframes)."""
        with torch.no_grad():
            pulses = pulse_train(pitch_hz, voiced, self.hop, SAMPLE_RATE)
            # The same latents must always sound the same, and a part of a clip like the whole: noise of its own seed.
            generator = torch.Generator(device="cpu").manual_seed(0)
            noise = torch.randn(pulses.shape[1], generator=generator).to(pulses).expand_as(pulses)
            if self.training:
                noise = torch.randn_like(pulses)
            pulse_spectrum = short_time_spectrum(pulses, self.size, self.hop)
            noise_spectrum = short_time_spectrum(noise, self.size, self.hop)
        harmonic = minimum_phase(filters[:, 0]) * pulse_spectrum
        breath = torch.exp(filters[:, 1]) * noise_spectrum
        return inverse_short_time_spectrum(harmonic + breath, self.size, self.hop)[:, None]
