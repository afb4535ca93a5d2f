"""How far speech lags behind the lips: cross-correlation of how wide the mouth is open and how loud it is. Ours.

What it can show: that a whole clip's sound is shifted against its picture by a few hundredths of a second or more, and
that loudness follows the mouth at all (the correlation). What it cannot: whether the right sounds are made, since many
sounds are loud behind a narrow mouth and silent behind an open one; nor the offset of single words; nor anything of a
clip in which the mouth hardly moves, where the best lag is chance. So a true recording does not score 0 either: read a
figure beside that of the recordings. It is not SyncNet's LSE-C or LSE-D, whose weights no package carries.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import FaceError
from imagintalk.evaluation.levels import levels
from imagintalk.evaluation.pitch import STEP_S
from imagintalk.face.finder import FaceFinder
from imagintalk.face.geometry import face_heights, mouth_openings
from imagintalk.media.probe import probe
from imagintalk.media.video import read_frames
from imagintalk.rates import VIDEO_FPS
from imagintalk.types import Clip

LARGEST_LAG_S = 0.4
SMOOTHED_S = 0.08
"""Hann window over both; the mouth is seen at 25 fps only."""
LEAST_S = 1.0
"""Of clip that overlaps at the largest lag; of less no correlation is told."""


class LipSync(NamedTuple):
    """Where the two fit best."""

    offset_s: float
    """Positive: the sound is late."""
    correlation: float
    """Pearson's, at that offset."""


def mouth_opening(path: Path) -> NDArray[np.float64]:
    """(T,) gap between the lips of the largest face in face heights, 25 fps; where there is no face, interpolated.

    Raises ClipError, FaceError when no frame shows a face.
    """
    seen, gaps = [], []
    count = 0
    with FaceFinder() as finder:
        for count, picture in enumerate(read_frames(Clip(path), probe(path)), 1):
            faces = finder.find(picture)
            if faces:
                largest = max(faces, key=lambda face: float(face_heights(face[None])[0]))
                seen.append(count - 1)
                gaps.append(float(mouth_openings(largest[None])[0]))
    if not seen:
        raise FaceError(f"{path}: expected a face to compare the speech with, found none")
    return np.interp(np.arange(count), seen, gaps)


def lip_sync(opening: NDArray[np.float64], samples: NDArray[np.float32], rate: int) -> LipSync:
    """Best lag, within 0.4 s, of speech (N,) at `rate` Hz behind a mouth opening (T,) at 25 fps; both start together.

    NaN where the clip is too short, or one of the two never changes.
    """
    if len(samples) / rate < LEAST_S + LARGEST_LAG_S:
        return LipSync(float("nan"), float("nan"))
    loud = _smooth(levels(samples, rate))
    times = (np.arange(len(loud)) + 0.5) * STEP_S
    wide = _smooth(np.interp(times, (np.arange(len(opening)) + 0.5) / VIDEO_FPS, opening))
    farthest = round(LARGEST_LAG_S / STEP_S)
    lags = range(-farthest, farthest + 1)
    found = [_correlation(wide[max(0, -lag) : len(wide) - max(0, lag)], _later(loud, lag)) for lag in lags]
    if np.isnan(found).all():
        return LipSync(float("nan"), float("nan"))
    best = int(np.nanargmax(found))
    return LipSync((best - farthest) * STEP_S, float(found[best]))


def _later(loud: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    return loud[max(0, lag) : len(loud) - max(0, -lag)]


def _smooth(track: NDArray[np.float64]) -> NDArray[np.float64]:
    window = np.hanning(round(SMOOTHED_S / STEP_S) + 3)[1:-1]
    return np.convolve(np.pad(track, len(window) // 2, mode="edge"), window / window.sum(), mode="valid")[: len(track)]


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt(np.sum(one**2) * np.sum(other**2))
    return float(np.sum(one * other) / scale) if scale > 1e-9 else float("nan")
