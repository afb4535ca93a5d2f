"""What a voice is filtered from: a pulse train at the pitch, and noise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pulse_train(pitch_hz: Tensor, voiced: Tensor, hop: int, rate: int) -> Tensor:
    """Band-limited pulses (batch, frames * hop) of unit power where voiced, zero elsewhere.

    pitch_hz, voiced: (batch, frames), frame i centred on sample (i + 1/2) * hop. The sum of all cosines of the
    pitch below half the sample rate has the closed form of the Dirichlet kernel, so that no harmonic is looped over.
    """
    length = pitch_hz.shape[1] * hop
    frequency = functional.interpolate(pitch_hz[:, None], size=length, mode="linear")[:, 0].double()
    gate = functional.interpolate(voiced[:, None], size=length, mode="linear")[:, 0]
    phase = torch.cumsum(frequency / rate, dim=1) % 1.0 * (2 * torch.pi)
    harmonics = torch.floor(rate / 2 / frequency)
    half = torch.sin(phase / 2)
    at_pulse = half.abs() < 1e-4
    kernel = torch.sin((harmonics + 0.5) * phase) / torch.where(at_pulse, torch.ones_like(half), 2 * half) - 0.5
    kernel = torch.where(at_pulse, harmonics, kernel)
    return (kernel * torch.sqrt(2 / harmonics)).float() * gate


def minimum_phase(log_magnitude: Tensor) -> Tensor:
    """Complex minimum-phase response (batch, bins, frames) with the given log magnitude (batch, bins, frames).

    The cepstrum is folded onto positive time, which is how a vocal tract answers a pulse: nothing before it.
    """
    bins = log_magnitude.shape[1]
    size = 2 * (bins - 1)
    cepstrum = torch.fft.irfft(log_magnitude, size, dim=1)
    fold = torch.zeros(size, device=log_magnitude.device)
    fold[0] = fold[size // 2] = 1.0
    fold[1 : size // 2] = 2.0
    return torch.exp(torch.fft.rfft(cepstrum * fold[None, :, None], dim=1))
