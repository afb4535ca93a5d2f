"""A click for each picture of a film, as loud as the picture's number tells: written by the fake pipeline, found again
in a mixdown."""

from __future__ import annotations

import math
import wave
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_RATE = 24_000
_CODES = 7
"""A picture's click has the loudness of its number modulo this: a click that is one to three pictures off is seen."""
_HALF_S = 0.0005
"""Half the length of a click."""


def code_of(picture: int) -> int:
    return picture % _CODES


def clicks_of(times: Sequence[tuple[float, float]], rate: float) -> Iterator[tuple[float, int]]:
    """Seconds at which each picture of a film of `rate` comes up, in a clip that shows the film by `times`."""
    last = None
    for (start, first), (end, second) in pairwise(times):
        low, high = sorted((first * rate, second * rate))
        numbers = range(math.ceil(low - 1e-6), math.floor(high + 1e-6) + 1)
        for number in numbers if second >= first else reversed(numbers):
            if number != last and number >= 0:
                share = (number / rate - first) / (second - first) if second != first else 0.0
                yield start + min(max(share, 0.0), 1.0) * (end - start), number
                last = number


def write_clicks(path: Path, times: Sequence[tuple[float, float]], rate: float, only_from: float = 0.0) -> None:
    """A 24 kHz WAV that lasts as long as the clip."""
    samples = np.zeros(round(times[-1][0] * _RATE), np.float32)
    reach = math.ceil(_HALF_S * _RATE)
    for time, picture in clicks_of(times, rate):
        middle = time * _RATE
        at = np.arange(max(round(middle) - reach, 0), min(round(middle) + reach + 1, len(samples)))
        shape = np.cos(np.clip((at - middle) / (_HALF_S * _RATE), -1, 1) * np.pi / 2) ** 2
        samples[at] = (code_of(picture) + 2) / (_CODES + 2) * shape
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, _RATE, len(samples), "NONE", ""))
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


def find_clicks(samples: NDArray[np.float32], rate: int) -> list[tuple[float, int]]:
    """Seconds and code of each click in samples (N,)."""
    half = round(_HALF_S * rate)
    loud = np.abs(samples)
    tops = np.flatnonzero((loud[1:-1] >= loud[:-2]) & (loud[1:-1] > loud[2:]) & (loud[1:-1] > 0.1)) + 1
    found: list[tuple[float, int]] = []
    for top in tops:
        around = np.arange(max(top - half, 0), min(top + half + 1, len(loud)))
        if loud[top] < loud[around].max():
            continue
        middle = float((around * loud[around] ** 2).sum() / (loud[around] ** 2).sum())
        found.append((middle / rate, round(float(loud[top]) * (_CODES + 2) - 2)))
    return found
