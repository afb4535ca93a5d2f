"""Framing where frame i is centred on its own hop: T frames <-> exactly T * hop samples, at both ends."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from imagintalk.rates import exact_ratio


def short_time_spectrum(samples: Tensor, size: int, hop: int) -> Tensor:
    """Complex spectrum (batch, size / 2 + 1, frames) of samples (batch, frames * hop), Hann window.

    Frame i is centred on sample (i + 1/2) * hop; zeros stand outside the signal.
    """
    edge = exact_ratio(size - hop, 2)
    padded = functional.pad(samples, (edge, edge))
    window = torch.hann_window(size, device=samples.device)
    return torch.stft(padded, size, hop, window=window, center=False, return_complex=True)


def inverse_short_time_spectrum(spectrum: Tensor, size: int, hop: int) -> Tensor:
    """Samples (batch, frames * hop) of a complex spectrum (batch, size / 2 + 1, frames): the inverse of
    `short_time_spectrum` by overlap-add (torch.istft cannot trim the edges this way)."""
    frames = spectrum.shape[-1]
    window = torch.hann_window(size, device=spectrum.device)
    pieces = torch.fft.irfft(spectrum, size, dim=1) * window[None, :, None]
    length = (frames - 1) * hop + size

    def overlap_add(columns: Tensor) -> Tensor:
        return functional.fold(columns, (1, length), (1, size), stride=(1, hop))[:, 0, 0]

    envelope = overlap_add((window**2)[None, :, None].expand(1, size, frames))
    edge = exact_ratio(size - hop, 2)
    whole = overlap_add(pieces) / envelope.clamp_min(1e-8)
    return whole[:, edge : edge + frames * hop]
