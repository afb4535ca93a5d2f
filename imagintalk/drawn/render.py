"""One drawn clip: a sentence spoken by the synthesiser, the head that says it, written as a video file with sound."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.drawn.head import Pose, draw_frame
from imagintalk.drawn.mouth import mouth_track
from imagintalk.drawn.paint import backdrop, draw_look
from imagintalk.drawn.sentence import GridSentence
from imagintalk.drawn.voice import Span, speak
from imagintalk.media.files import whole_file
from imagintalk.rates import SAMPLE_RATE, SAMPLES_PER_VIDEO_FRAME, VIDEO_FPS

FRAMES = 75
"""Of a drawn clip, as of a GRID clip: 3 s."""
_SENSOR_NOISE = 1.6
_ROOM_NOISE = 3e-4
_SHORTEST_SILENCE_S = 0.2
_BLINK_FRAMES = (0.35, 0.9, 1.0, 0.75, 0.35)


@dataclass(frozen=True)
class DrawnClip:
    """A clip before it is written."""

    frames: NDArray[np.uint8]
    """(75, 288, 360, 3) RGB, 25 fps."""
    samples: NDArray[np.float32]
    """(72000,) in [-1, 1], 24 kHz."""
    words: tuple[Span, ...]
    """Seconds from the clip's beginning."""
    phones: tuple[Span, ...]
    """Seconds from the clip's beginning."""
    mouth: NDArray[np.float32]
    """(75, 10) as `mouth_track` gives it."""


def render_clip(sentence: GridSentence, seed: int) -> DrawnClip:
    """Draw a sentence. Sentence and seed fix every sample and pixel. Raises WeightsError when the voice is missing."""
    chance = np.random.default_rng([seed, zlib.crc32(sentence.code.encode())])
    spoken = speak(sentence)
    room = FRAMES / VIDEO_FPS - len(spoken.samples) / SAMPLE_RATE
    wanted = room / 2 + chance.uniform(-0.2, 0.2)
    first = round(min(max(wanted, _SHORTEST_SILENCE_S), room - _SHORTEST_SILENCE_S) * SAMPLE_RATE)
    samples = (chance.standard_normal(FRAMES * SAMPLES_PER_VIDEO_FRAME) * _ROOM_NOISE).astype(np.float32)
    samples[first : first + len(spoken.samples)] += spoken.samples
    words, phones = (_later(spans, first / SAMPLE_RATE) for spans in (spoken.words, spoken.phones))
    mouth = mouth_track(phones, FRAMES)
    look = draw_look(chance)
    wall = backdrop(look, chance)
    poses = _poses(chance)
    frames = np.stack([draw_frame(wall, look, pose, shape) for pose, shape in zip(poses, mouth, strict=True)])
    grain = np.round(chance.normal(0, _SENSOR_NOISE, (8, *frames.shape[1:]))).astype(np.int16)
    for index, frame in enumerate(frames):
        roll = tuple(chance.integers(0, 200, 2).tolist())
        frame[:] = cv2.add(frame, np.roll(grain[index % 8], roll, axis=(0, 1)), dtype=cv2.CV_8U)
    return DrawnClip(frames, samples, words, phones, mouth)


def draw_clip(sentence: GridSentence, seed: int, path: Path, sound: bool = True) -> tuple[Span, ...]:
    """Draw a sentence into an MP4 file: 360 x 288 H.264, 25 fps, 75 frames, with AAC sound at 24 kHz or without.

    Gives the words and their seconds in the clip. The file appears when it is whole. Raises OutputError, WeightsError.
    """
    clip = render_clip(sentence, seed)
    with whole_file(path) as partial, av.open(str(partial), "w") as container:
        video = container.add_stream("libx264", rate=VIDEO_FPS, options={"crf": "17", "preset": "veryfast"})
        video.height, video.width = clip.frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono", bit_rate=96_000) if sound else None
        for index, picture in enumerate(clip.frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, VIDEO_FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for start in range(0, len(clip.samples), 1024):
                block = av.AudioFrame.from_ndarray(clip.samples[None, start : start + 1024], "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return clip.words


def _later(spans: tuple[Span, ...], seconds: float) -> tuple[Span, ...]:
    return tuple(Span(span.name, span.start_s + seconds, span.end_s + seconds) for span in spans)


def _poses(chance: np.random.Generator) -> list[Pose]:
    """A head that stands still as a speaker's does: slow small turns, glances and a blink or two."""
    yaw, pitch, roll = (_sway(chance, np.deg2rad(amount)) for amount in (2.6, 1.8, 1.3))
    right, up = _sway(chance, 0.14) + chance.normal(0, 0.5), _sway(chance, 0.12) + chance.normal(0, 0.15)
    gaze_x, gaze_y = _sway(chance, 0.05), _sway(chance, 0.03)
    yaw = yaw + np.deg2rad(chance.normal(0, 2.0))
    blink = np.zeros(FRAMES)
    for start in (chance.integers(2, 32), chance.integers(38, 90)):
        for step, shut in enumerate(_BLINK_FRAMES):
            if start + step < FRAMES:
                blink[start + step] = shut
    tracks = (yaw, pitch, roll, right, up, gaze_x, gaze_y, blink)
    return [
        Pose(y, p, r, (x, u), (gx, gy), b)
        for y, p, r, x, u, gx, gy, b in zip(*(track.tolist() for track in tracks), strict=True)
    ]


def _sway(chance: np.random.Generator, size: float) -> NDArray[np.float64]:
    """(75,) smooth movement around 0, about `size` in each direction."""
    time = np.arange(FRAMES) / VIDEO_FPS
    waves = [
        np.sin(2 * np.pi * (chance.uniform(low, high) * time + chance.uniform())) * share
        for low, high, share in ((0.1, 0.3, 0.6), (0.3, 0.7, 0.3), (0.7, 1.4, 0.1))
    ]
    return size * np.sum(waves, axis=0)
