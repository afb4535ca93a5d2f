"""The temporal style: how much of each emotion at each moment.

The paper takes it from the face alone, labels smoothed over 0.5 s (arXiv 2503.14928). Asking for an emotion, its
intensity, which mixes it with neutral, and keys that change both over time are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import OptionError
from imagintalk.rates import TOKEN_HZ
from imagintalk.types import Emotion

AUTO = "auto"

EmotionKey = tuple[float, str, float]
"""Seconds from the clip's start; `auto` or an emotion's word; intensity, 1 all of that emotion, 0 all neutral."""


def check_emotion(asked: str, intensity: float) -> None:
    """Raises OptionError when the emotion is unknown or the intensity outside 0..1; a dub calls it before the work."""
    words = [emotion.word for emotion in Emotion]
    if asked not in (AUTO, *words):
        raise OptionError(f"emotion {asked!r} is unknown; expected {AUTO} or one of {', '.join(words)}")
    if not 0 <= intensity <= 1:
        raise OptionError(f"intensity {intensity:g} is out of range; expected a number from 0 to 1")


def check_keys(keys: Sequence[EmotionKey]) -> None:
    """Raises OptionError unless times are finite and increase from key to key, and each key is a known emotion."""
    for _, asked, intensity in keys:
        check_emotion(asked, intensity)
    times = [time for time, _, _ in keys]
    if not all(map(math.isfinite, times)):
        raise OptionError("emotion keys: expected times in seconds, got one that is not finite")
    for earlier, later in pairwise(times):
        if later <= earlier:
            raise OptionError(f"emotion keys: expected times that increase, got {later:g} s after {earlier:g} s")


def emotion_track(
    keys: Sequence[EmotionKey], frames50: int, read_from_face: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Weights per `Emotion` over time, (frames50, 8) at 50 Hz, rows sum to 1.

    keys: one or more; from one to the next the weights change linearly, before the first and after the last they stay.
    `auto` takes `read_from_face`, (frames50, 8), the face's smoothed labels. Raises OptionError as `check_keys` does,
    or for `auto` without a face read.
    """
    check_keys(keys)
    instants = (np.arange(frames50) + 0.5) / TOKEN_HZ
    times = [time for time, _, _ in keys]
    track = np.zeros((frames50, len(Emotion)), np.float32)
    for (_, asked, intensity), own in zip(keys, np.eye(len(keys)), strict=True):
        share = np.interp(instants, times, own).astype(np.float32)[:, None]
        track += share * np.float32(intensity) * _weights(asked, frames50, read_from_face)
        track[:, [Emotion.NEUTRAL]] += share * np.float32(1 - intensity)
    return track


def _weights(asked: str, frames50: int, read_from_face: NDArray[np.float32] | None) -> NDArray[np.float32]:
    if asked != AUTO:
        return np.tile(np.eye(len(Emotion), dtype=np.float32)[Emotion[asked.upper()]], (frames50, 1))
    if read_from_face is None:
        raise OptionError("emotion auto: expected a face whose expression was read, there is none; name an emotion")
    if read_from_face.shape != (frames50, len(Emotion)):
        raise ValueError(f"expected a track of shape {(frames50, len(Emotion))}, got {read_from_face.shape}")
    return read_from_face.astype(np.float32)
