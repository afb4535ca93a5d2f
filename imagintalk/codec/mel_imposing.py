"""Gives a sound the mel spectrum that it should have."""

from __future__ import annotations

from torch import Tensor

from imagintalk.codec.frames import inverse_short_time_spectrum, short_time_spectrum

EPSILON = 1e-4


def impose_mel(samples: Tensor, mel: Tensor, filters: Tensor, hop: int, rounds: int) -> Tensor:
    """Samples (batch, frames * hop) whose mel magnitudes come nearer to mel (batch, bands, frames) with each round.

    filters: (bands, bins), non-negative, over windows of 2 * (bins - 1) samples. Griffin and Lim's iteration (1984)
    with gains instead of magnitudes: each bin is scaled by the mean of what its bands lack, and keeps its phase and
    its share of the band, so that what a mel spectrum does not tell stays as it was.
    """
    size = 2 * (filters.shape[1] - 1)
    spread = spread_of(filters)
    # Bins below the lowest band and above the highest are left alone.
    outside = (filters.sum(dim=0) < EPSILON).to(mel)[:, None]
    for _ in range(rounds):
        spectrum = short_time_spectrum(samples, size, hop)
        gains = (mel / (filters @ spectrum.abs() + EPSILON)).clamp(0.05, 20.0)
        samples = inverse_short_time_spectrum(spectrum * (spread @ gains + outside), size, hop)
    return samples


def spread_of(filters: Tensor) -> Tensor:
    """(bins, bands) of filters (bands, bins): a bin is the mean of its bands by their weight there, 0 outside."""
    return filters.T / filters.sum(dim=0).clamp_min(EPSILON)[:, None]
