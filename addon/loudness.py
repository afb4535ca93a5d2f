"""Loudness after ITU-R BS.1770-4 of one channel, at any sample rate. numpy only, which Blender's Python has."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

_BLOCK_S, _STEP_S = 0.4, 0.1
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
"""LUFS, and LU below the mean of what passes the first gate."""
_OFFSET = -0.691
"""So that a full-scale sine of 997 Hz in one channel is -3.01 LUFS."""
_TAIL_S = 0.25
"""In which the filters' answer dies away."""


def loudness(samples: Samples, rate: int) -> float:
    """Integrated loudness in LUFS; -inf for silence, and for less than 0.4 s.

    samples: (samples,) in [-1, 1]; rate: Hz.
    """
    block, step = round(_BLOCK_S * rate), round(_STEP_S * rate)
    if len(samples) < block:
        return -math.inf
    power = np.concatenate([[0.0], np.cumsum(np.square(_weighted(samples, rate)))])
    starts = np.arange(0, len(samples) - block + 1, step)
    means = (power[starts + block] - power[starts]) / block
    means = means[_lufs(means) > _ABSOLUTE_GATE]
    if not len(means):
        return -math.inf
    means = means[_lufs(means) > float(_lufs(np.array([means.mean()]))[0]) + _RELATIVE_GATE]
    return float(_lufs(np.array([means.mean()]))[0])


def _lufs(mean_squares: Samples) -> Samples:
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET + 10 * np.log10(np.maximum(mean_squares, 0.0)))


def _weighted(samples: Samples, rate: int) -> Samples:
    """Through the K-weighting filters. In the frequency domain, because numpy has no recursive filter."""
    size = 1 << (len(samples) + round(_TAIL_S * rate) - 1).bit_length()
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones(size // 2 + 1, dtype=np.complex128)
    for b, a in (_shelf(rate), _high_pass(rate)):
        response *= (b[0] + b[1] * z + b[2] * z * z) / (1 + a[0] * z + a[1] * z * z)
    return np.asarray(np.fft.irfft(np.fft.rfft(samples, size) * response, size)[: len(samples)])


# The standard gives coefficients for 48 kHz only. These analogue values reproduce them by the bilinear transform, and
# give those of other rates.
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_PASS_HZ, _PASS_Q = 38.13547087602444, 0.5003270373238773

_Section = tuple[tuple[float, float, float], tuple[float, float]]


def _shelf(rate: int) -> _Section:
    k = math.tan(math.pi * _SHELF_HZ / rate)
    high = 10 ** (_SHELF_DB / 20)
    middle = high**0.4996667741545416
    a0 = 1 + k / _SHELF_Q + k * k
    b = (
        (high + middle * k / _SHELF_Q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - middle * k / _SHELF_Q + k * k) / a0,
    )
    return b, (2 * (k * k - 1) / a0, (1 - k / _SHELF_Q + k * k) / a0)


def _high_pass(rate: int) -> _Section:
    k = math.tan(math.pi * _PASS_HZ / rate)
    a0 = 1 + k / _PASS_Q + k * k
    return (1.0, -2.0, 1.0), (2 * (k * k - 1) / a0, (1 - k / _PASS_Q + k * k) / a0)
