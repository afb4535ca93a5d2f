"""What the codec is trained on: spectra at several resolutions, pitch, and an adversary."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from encodec.msstftd import MultiScaleSTFTDiscriminator
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.transforms import MelSpectrogram

from imagintalk.codec.spectral_decoder import PITCH_BINS, Prosody, pitch_bins_hz
from imagintalk.rates import SAMPLE_RATE


class SpectralLoss(nn.Module):
    """Mean over resolutions of the L1 distance of log magnitudes and of the relative magnitude error.

    Three linear resolutions and one mel scale (EnCodec, section 3.4, uses mel scales only; ours adds linear ones
    because the inverse-STFT decoder writes linear bins).
    """

    def __init__(self, sizes: Sequence[int] = (384, 960, 2048), mels: int = 80) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.mel = MelSpectrogram(SAMPLE_RATE, n_fft=1024, hop_length=256, n_mels=mels, power=1.0)

    def forward(self, generated: Tensor, true: Tensor) -> Tensor:
        """generated, true: (batch, N) samples."""
        pairs = [(self.mel(generated), self.mel(true))]
        for size in self.sizes:
            window = torch.hann_window(size, device=true.device)
            spectra = [
                torch.stft(x, size, size // 4, window=window, return_complex=True).abs() for x in (generated, true)
            ]
            pairs.append((spectra[0], spectra[1]))
        terms = [self._distance(a, b) for a, b in pairs]
        return torch.stack(terms).mean()

    @staticmethod
    def _distance(generated: Tensor, true: Tensor) -> Tensor:
        floor = 1e-3
        log_distance = functional.l1_loss((generated + floor).log(), (true + floor).log())
        relative = (generated - true).norm(dim=(1, 2)) / true.norm(dim=(1, 2)).clamp_min(0.1)
        return log_distance + relative.mean()


def prosody_loss(prosody: Prosody, pitch_hz: Tensor, valid: Tensor) -> Tensor:
    """Cross-entropy of the pitch bin where voiced, and of voicing.

    pitch_hz: (batch, subframes), 0 where unvoiced; valid: (batch, subframes) bool.
    """
    voiced = pitch_hz > 0
    bins = pitch_bins_hz().to(pitch_hz)
    step = math.log(float(bins[1] / bins[0]))
    distance = (pitch_hz.clamp_min(1.0).log()[:, None] - bins.log()[None, :, None]) / step
    target = torch.softmax(-(distance**2), dim=1)
    cross_entropy = -(target * prosody.pitch_logits.log_softmax(dim=1)).sum(dim=1) / math.log(PITCH_BINS)
    pitch = (cross_entropy * (voiced & valid)).sum() / (voiced & valid).sum().clamp_min(1)
    voicing = functional.binary_cross_entropy_with_logits(prosody.voiced_logit, voiced.float(), reduction="none")
    return pitch + (voicing * valid).sum() / valid.sum().clamp_min(1)


def discriminator(filters: int) -> MultiScaleSTFTDiscriminator:
    """EnCodec's adversary at three scales (five in its paper; two cores bear three)."""
    sizes = [1024, 2048, 512]
    return MultiScaleSTFTDiscriminator(
        filters=filters, n_ffts=sizes, hop_lengths=[s // 4 for s in sizes], win_lengths=sizes
    )


def adversary_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Hinge loss of the discriminator (EnCodec, section 3.4)."""
    terms = [functional.relu(1 - r).mean() + functional.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).mean()


def deceiving_loss(fake: list[Tensor]) -> Tensor:
    """Hinge loss of the generator (EnCodec, section 3.4)."""
    return torch.stack([functional.relu(1 - f).mean() for f in fake]).mean()


def feature_loss(real: list[list[Tensor]], fake: list[list[Tensor]]) -> Tensor:
    """Relative L1 distance of the discriminator's feature maps (EnCodec, section 3.4)."""
    terms = [
        functional.l1_loss(f, r.detach()) / r.detach().abs().mean().clamp_min(1e-5)
        for real_maps, fake_maps in zip(real, fake, strict=True)
        for r, f in zip(real_maps, fake_maps, strict=True)
    ]
    return torch.stack(terms).mean()
