"""Videos made worse, each in one way, as footage is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.media.probe import probe
from imagintalk.media.video import read_frames
from imagintalk.rates import VIDEO_FPS
from imagintalk.types import Clip

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""

BLUR_PX = 3.0
"""Deviation of the Gaussian; a mouth of GRID is some 60 pixels wide."""
DARKER = 0.2
COARSER = 4
COVERED = (0.35, 0.65)
"""Part of the clip in which the mouth is covered."""
DROPPED = 0.4
"""Share of the frames in whose place the one before is shown."""


def _blurred(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), BLUR_PX), np.uint8)


def _darkened(picture: Picture) -> Picture:
    return (picture * DARKER).astype(np.uint8)


def _low_resolution(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // COARSER, height // COARSER), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


_EACH: dict[str, Callable[[Picture], Picture]] = {
    "clean": lambda picture: picture,
    "blurred": _blurred,
    "darkened": _darkened,
    "low resolution": _low_resolution,
}
OCCLUDED, FRAMES_DROPPED = "occluded", "frames dropped"
CONDITIONS = (*_EACH, OCCLUDED, FRAMES_DROPPED)


def degrade(pictures: list[Picture], condition: str, mouth: tuple[int, int, int, int], seed: int) -> list[Picture]:
    """The pictures of a clip in one of `CONDITIONS`. mouth: left, top, right, bottom in pixels."""
    if condition == OCCLUDED:
        first, stop = (round(share * len(pictures)) for share in COVERED)
        return [_covered(p, mouth) if first <= index < stop else p for index, p in enumerate(pictures)]
    if condition == FRAMES_DROPPED:
        lost = np.random.default_rng(seed).random(len(pictures)) < DROPPED
        shown, held = [], pictures[0]
        for picture, is_lost in zip(pictures, lost, strict=True):
            held = held if is_lost else picture
            shown.append(held)
        return shown
    return [_EACH[condition](picture) for picture in pictures]


def _covered(picture: Picture, mouth: tuple[int, int, int, int]) -> Picture:
    left, top, right, bottom = mouth
    covered = picture.copy()
    covered[top:bottom, left:right] = 128
    return covered


def pictures_of(path: Path) -> list[Picture]:
    """All frames at 25 fps. Raises ClipError."""
    return list(read_frames(Clip(path), probe(path)))


def write_pictures(path: Path, pictures: list[Picture]) -> None:
    """A video at 25 fps without sound, hardly compressed."""
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=VIDEO_FPS, options={"preset": "ultrafast", "crf": "8"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode())
