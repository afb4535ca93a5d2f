"""Small movies to put on the timeline."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

Film = Callable[..., Path]
_RATE = 24_000


def draw_film(path: Path, seconds: float, fps: float, sound: bool = False) -> Path:
    """A gray picture that grows brighter, 64 x 48, another for each name; with a tone where sound is asked for."""
    rate = Fraction(round(fps * 1001), 1001) if abs(fps - round(fps)) > 1e-3 else Fraction(round(fps))
    count = round(seconds * rate)
    with av.open(str(path), "w") as file:
        picture = file.add_stream("mpeg4", rate=rate, width=64, height=48, pix_fmt="yuv420p")
        tone = file.add_stream("aac", rate=_RATE, layout="mono") if sound else None
        for number in range(count):
            gray = np.full((48, 64, 3), 40 + 150 * number // count, np.uint8)
            gray[:16] = zlib.crc32(path.name.encode()) % 200
            for packet in picture.encode(av.VideoFrame.from_ndarray(gray)):
                file.mux(packet)
        for packet in picture.encode():
            file.mux(packet)
        if tone is not None:
            times = np.arange(round(count / rate * _RATE)) / _RATE
            samples = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.sample_rate = _RATE
            for packet in [*tone.encode(frame), *tone.encode()]:
                file.mux(packet)
    return path
