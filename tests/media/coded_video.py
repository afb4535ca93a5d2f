"""Videos made on the spot, each frame of which says in black and white which one it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

CLOCK = Fraction(1, 90_000)
BLOCK = 16
BITS = 10
WIDTH, HEIGHT = BITS * BLOCK, 3 * BLOCK


def picture_of(index: int) -> NDArray[np.uint8]:
    """(48, 160, 3): a white bar on top, below it the index in binary, then black."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:BLOCK] = 255
    for bit in range(BITS):
        picture[BLOCK : 2 * BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (index >> bit & 1)
    return picture


def index_of(picture: NDArray[np.uint8]) -> int:
    """The index that a picture, decoded again, shows."""
    middles = picture[BLOCK * 3 // 2, BLOCK // 2 :: BLOCK].mean(axis=-1)
    return sum(1 << bit for bit, level in enumerate(middles) if level > 127)


MakeVideo = Callable[..., Path]


def steady(count: int, rate: Fraction | int, start: Fraction | int = 0) -> tuple[list[Fraction], Fraction]:
    """Times of `count` frames at a steady rate, and how long the last one is shown."""
    period = 1 / Fraction(rate)
    return [start + index * period for index in range(count)], period


def write_coded_video(
    tmp_path: Path,
    name: str,
    times: Sequence[Fraction],
    last: Fraction,
    codec: str = "libx264",
    rotation: int = 0,
    sound: NDArray[np.float32] | None = None,
    gop: int = 12,
    b_frames: int = 2,
    **stream_options: object,
) -> Path:
    """Write tmp_path/name: frame i shows i from times[i] seconds on, the last for `last` seconds; sound at 48 kHz."""
    path = tmp_path / name
    with av.open(str(path), "w") as writer:
        rate = 1 / ((times[-1] + last - times[0]) / len(times))
        stream = writer.add_stream(codec, rate=rate.limit_denominator(1001))
        clock = last if codec == "mpeg4" else CLOCK  # finer than MPEG-4 can state
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = clock
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        for key, value in stream_options.items():
            setattr(stream.codec_context, key, value)
        if rotation:
            stream.set_display_rotation(rotation)
        speech = None
        if sound is not None:
            speech = writer.add_stream("flac" if name.endswith("mkv") else "aac", rate=48_000)
            speech.layout = "mono"
        ends = [*times[1:], times[-1] + last]
        for index, (time, end) in enumerate(zip(times, ends, strict=True)):
            frame = av.VideoFrame.from_ndarray(picture_of(index), format="rgb24")
            frame.pts, frame.time_base = round(time / clock), clock
            frame.duration = round((end - time) / clock)
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode())
        if speech is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(
                np.round(sound * 32767).astype(np.int16)[None], format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            writer.mux(speech.encode(frame))
            writer.mux(speech.encode())
    return path
