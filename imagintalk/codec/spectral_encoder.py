"""Encoder that is fitted instead of trained: principal components of log spectra.

Ours, not the paper's: codes that carry no phase are what lips and voice can predict; and because nothing in it is
learnt by gradient, the language of codes stands before the decoder has made its first step. What is linear can also be
inverted: the latents say which mel spectrum the decoder's sound must have (`mel_of`), and `impose_mel` gives it that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from imagintalk.codec.frames import short_time_spectrum
from imagintalk.rates import SAMPLE_RATE, exact_ratio

MELS = 80
SUBFRAMES = 2
"""Mel frames a codec frame: 100 Hz, because consonants are shorter than a codec frame."""
LOWEST_BIN, HIGHEST_BIN = 4, 56
"""Bins of the long window, 50 to 690 Hz, that show the harmonics of a voice."""
SPEECH_END_HZ = 4600.0
"""Up to here lies what makes words; above, hiss, whose detail nobody hears."""
HISS_WEIGHT, HARMONICS_WEIGHT = 0.3, 0.2
"""Of deviations, beside 1 for mel bands up to `SPEECH_END_HZ`: codes are spent where it is heard. With all alike the
same codebooks lose 0.07 of ESTOI."""
FLOOR = 0.03
"""Added to every magnitude: about 60 dB below loud speech, so that silence is silence whatever the room."""


class SpectralEncoder(nn.Module):
    """Samples (batch, 1, frames * hop) -> latents (batch, dimension, frames)."""

    mean: Tensor
    projection: Tensor
    mel: Tensor
    weights: Tensor

    def __init__(self, hop: int, dimension: int) -> None:
        super().__init__()
        self.hop = hop
        self.short, self.long = 2 * hop, 4 * hop
        width = SUBFRAMES * MELS + HIGHEST_BIN - LOWEST_BIN
        mel = melscale_fbanks(self.short // 2 + 1, 40.0, SAMPLE_RATE / 2, MELS, SAMPLE_RATE)
        self.register_buffer("mel", mel.T, persistent=False)
        self.register_buffer("weights", _weights(mel), persistent=False)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("projection", torch.zeros(width, dimension))

    def forward(self, samples: Tensor) -> Tensor:
        # The codes must not depend on what precision the networks around compute in.
        with torch.autocast(samples.device.type, enabled=False):
            features = self.features(samples[:, 0].float())
            return torch.einsum("bwt,wd->bdt", features - self.mean[:, None], self.projection)

    @torch.no_grad()
    def fit(self, recordings: Iterable[Tensor]) -> None:
        """Principal components of recordings, the first of deviation 1.

        Each is samples (N,) with N a multiple of the hop.
        """
        features = torch.cat([self.features(samples[None])[0] for samples in recordings], dim=1).T.double()
        mean = features.mean(dim=0)
        values, vectors = torch.linalg.eigh(torch.cov((features - mean).T))
        self.mean.copy_(mean)
        self.projection.copy_(vectors.flip(1)[:, : self.projection.shape[1]] / values[-1].sqrt())
        share = values.flip(0)[: self.projection.shape[1]].sum() / values.sum()
        logging.getLogger(__name__).info("%.1f %% of the variance of log spectra is kept", 100 * float(share))

    def features(self, samples: Tensor) -> Tensor:
        """Log magnitudes (batch, width, frames) of samples (batch, frames * hop): mel, and low harmonics."""
        mel = self.mel @ short_time_spectrum(samples, self.short, exact_ratio(self.hop, SUBFRAMES)).abs()
        low = short_time_spectrum(samples, self.long, self.hop).abs()[:, LOWEST_BIN:HIGHEST_BIN]
        batch, bins, subframes = mel.shape
        mel = mel.reshape(batch, bins, subframes // SUBFRAMES, SUBFRAMES).transpose(2, 3).flatten(1, 2)
        return torch.cat([mel, low], dim=1).add(FLOOR).log() * self.weights[:, None]

    def mel_of(self, latents: Tensor) -> Tensor:
        """Mel magnitudes (batch, MELS, frames * SUBFRAMES) of latents (batch, dimension, frames)."""
        inverse = self.projection / self.projection.square().sum(dim=0).clamp_min(1e-12)
        features = torch.einsum("bdt,wd->bwt", latents.float(), inverse) + self.mean[:, None]
        mel = (features / self.weights[:, None])[:, : SUBFRAMES * MELS].exp() - FLOOR
        batch, _, frames = mel.shape
        return mel.clamp_min(0.0).reshape(batch, MELS, SUBFRAMES, frames).transpose(2, 3).flatten(2, 3)


def _weights(filters: Tensor) -> Tensor:
    """(width,) of the features, from the mel filters (bins, MELS)."""
    hz = torch.linspace(0, SAMPLE_RATE / 2, len(filters))
    centres = (filters * hz[:, None]).sum(dim=0) / filters.sum(dim=0).clamp_min(1e-6)
    bands = torch.where(centres > SPEECH_END_HZ, HISS_WEIGHT, 1.0).repeat_interleave(SUBFRAMES)
    return torch.cat([bands, torch.full((HIGHEST_BIN - LOWEST_BIN,), HARMONICS_WEIGHT)])
