"""Takes as WAV files: level and fades are changed in place, so that what the file says of itself stays in it."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from .loudness import Samples, loudness

_HIGHEST_PEAK = 10 ** (-1 / 20)
"""-1 dBFS: what a take may reach when it is made louder."""
_FULL_SCALE = 32768.0


@dataclass(frozen=True)
class Finish:
    """What is done to a take."""

    lufs: float | None = None
    """Loudness to reach, as far as the peaks allow; None: as it came."""
    fade_s: float = 0.0
    """Fade at both ends, half a period of a cosine."""


def finish_wav(content: bytes, finish: Finish) -> bytes:
    """The same file with the finish on its samples. Raises OSError when it is no 16-bit mono WAV."""
    first, size, rate = _find_samples(content)
    if finish == Finish() or not size:
        return content
    samples = np.frombuffer(content, "<i2", size // 2, first) / _FULL_SCALE
    samples = _faded(_levelled(samples, rate, finish.lufs), round(finish.fade_s * rate))
    written = np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
    return content[:first] + written + content[first + len(written) :]


def wav_seconds(content: bytes) -> float:
    """How long it lasts. Raises OSError when it is no 16-bit mono WAV."""
    _, size, rate = _find_samples(content)
    return size / 2 / rate


def _levelled(samples: Samples, rate: int, lufs: float | None) -> Samples:
    now = loudness(samples, rate) if lufs is not None else -math.inf
    if lufs is None or now == -math.inf:
        return samples
    gain = 10 ** ((lufs - now) / 20)
    peak = float(np.abs(samples).max())
    return np.asarray(samples * (min(gain, max(_HIGHEST_PEAK / peak, 1.0)) if gain > 1 else gain))


def _faded(samples: Samples, length: int) -> Samples:
    length = min(length, len(samples) // 2)
    if not length:
        return samples
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    faded = samples.copy()
    faded[:length] *= ramp
    faded[-length:] *= ramp[::-1]
    return faded


def _find_samples(content: bytes) -> tuple[int, int, int]:
    """Offset and bytes of the samples, and their rate in Hz."""
    wrong = OSError("the take is not a 16-bit mono WAV file; update the worker or the add-on")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise wrong
    place, rate = 12, 0
    while place + 8 <= len(content):
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        if name == b"fmt ":
            _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content, place + 8)
            if (channels, bits) != (1, 16):
                raise wrong
        if name == b"data" and rate:
            return place + 8, min(size, len(content) - place - 8) // 2 * 2, rate
        place += 8 + size + size % 2
    raise wrong
