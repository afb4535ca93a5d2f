"""Takes as WAV files: 24 bits, level and fades, and what the file says of itself stays in it."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .loudness import loudness

_HIGHEST_PEAK = 10 ** (-1 / 20)
"""-1 dBFS: what a take may reach when it is made louder."""
_16_BITS, _24_BITS = 2**15, 2**23
_BLOCK = 1 << 20
"""Samples that are changed at once: an hour of them as floating-point numbers would take 700 MB."""

_Chunk = tuple[bytes, bytes]
"""Name and content."""


@dataclass(frozen=True)
class Finish:
    """What is done to a take."""

    lufs: float | None = None
    """Loudness to reach, as far as the peaks allow; None: as it came."""
    fade_s: float = 0.0
    """Fade at both ends, half a period of a cosine."""


def finish_wav(content: bytes, finish: Finish) -> bytes:
    """The same file in 24 bits, with the finish on its samples. Raises OSError when it is no 16-bit mono WAV.

    FFmpeg suspects other codecs in 16-bit WAV and tries them all whenever it opens one (libavformat/wavdec.c,
    handle_stream_probing): of Blender's main thread that takes 10 ms for each strip, and below 1 ms with 24 bits.
    """
    chunks = _chunks(content)
    rate = _rate(dict(chunks))
    data = dict(chunks)[b"data"]
    samples = np.frombuffer(data, "<i2", len(data) // 2)
    gain, fade = _gain(samples, rate, finish.lufs), min(round(finish.fade_s * rate), len(samples) // 2)
    wide = np.zeros((len(samples), 3), np.uint8)
    wide[:, 1:] = samples.view(np.uint8).reshape(-1, 2)
    for first in range(0, len(samples), _BLOCK):
        end = min(first + _BLOCK, len(samples))
        if gain != 1.0 or first < fade or end > len(samples) - fade:
            wide[first:end] = _changed(samples, first, end, gain, fade)
    new: dict[bytes, bytes | memoryview] = {
        b"fmt ": struct.pack("<HHIIHH", 1, 1, rate, 3 * rate, 3, 24),
        b"data": wide.reshape(-1).data,
    }
    return _file([(name, new.get(name, body)) for name, body in chunks])


def _gain(samples: NDArray[np.int16], rate: int, lufs: float | None) -> float:
    """That brings them to a loudness, as far as the peaks allow."""
    now = loudness(samples / _16_BITS, rate) if lufs is not None else -math.inf
    if lufs is None or now == -math.inf:
        return 1.0
    gain = float(10 ** ((lufs - now) / 20))
    peak = float(np.abs(samples.astype(np.int32)).max()) / _16_BITS
    return min(gain, max(_HIGHEST_PEAK / peak, 1.0)) if gain > 1 else gain


def _changed(samples: NDArray[np.int16], first: int, end: int, gain: float, fade: int) -> NDArray[np.uint8]:
    """Those of samples (samples,) from `first` to before `end`, (end - first, 3); fade: samples at both ends of all."""
    at = np.arange(first, end)
    edge = np.minimum(at, len(samples) - 1 - at)
    ramp = np.where(edge < fade, 0.5 - 0.5 * np.cos(np.pi * (edge + 0.5) / max(fade, 1)), 1.0)
    changed = np.rint(samples[first:end] * (gain * _24_BITS / _16_BITS) * ramp)
    whole = np.clip(changed, -_24_BITS, _24_BITS - 1).astype("<i4")
    return whole.view(np.uint8).reshape(-1, 4)[:, :3]


def _chunks(content: bytes) -> list[_Chunk]:
    """What the file is made of, in order."""
    chunks, place = [], 12
    while content[:4] == b"RIFF" and content[8:12] == b"WAVE" and place + 8 <= len(content):
        size = struct.unpack_from("<I", content, place + 4)[0]
        chunks.append((content[place : place + 4], content[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return chunks


def _rate(chunks: dict[bytes, bytes]) -> int:
    """Of the samples, in Hz."""
    form = chunks.get(b"fmt ", b"")
    _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form) if len(form) >= 16 else (0,) * 6
    if (channels, bits) != (1, 16) or not rate or b"data" not in chunks:
        raise OSError("the take is not a 16-bit mono WAV file; update the worker or the add-on")
    return int(rate)


def _file(chunks: list[tuple[bytes, bytes | memoryview]]) -> bytes:
    parts: list[bytes | memoryview] = []
    for name, content in chunks:
        parts += [name + struct.pack("<I", len(content)), content, b"\0" * (len(content) % 2)]
    return b"".join([b"RIFF" + struct.pack("<I", 4 + sum(map(len, parts))) + b"WAVE", *parts])
