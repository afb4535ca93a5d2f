"""The temporal style: how much of each emotion at each moment.

The paper takes it from the face alone, labels smoothed over 0.5 s (arXiv 2503.14928). Asking for an emotion and its
intensity, which mixes it with neutral, are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import OptionError
from imagintalk.types import Emotion

AUTO = "auto"


def check_emotion(asked: str, intensity: float) -> None:
    """Raises OptionError when the emotion is unknown or the intensity outside 0..1; a dub calls it before the work."""
    words = [emotion.word for emotion in Emotion]
    if asked not in (AUTO, *words):
        raise OptionError(f"emotion {asked!r} is unknown; expected {AUTO} or one of {', '.join(words)}")
    if not 0 <= intensity <= 1:
        raise OptionError(f"intensity {intensity:g} is out of range; expected a number from 0 to 1")


def emotion_track(
    asked: str, intensity: float, frames50: int, read_from_face: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Weights per `Emotion` over time, (frames50, 8) at 50 Hz, rows sum to 1.

    asked: `auto` (`read_from_face`, (frames50, 8), the face's smoothed labels) or an emotion's word. intensity: 1 is
    all of that, 0 all neutral. Raises OptionError for an unknown emotion, an intensity outside 0..1, or `auto` without
    a face read.
    """
    check_emotion(asked, intensity)
    if asked == AUTO:
        if read_from_face is None:
            raise OptionError("emotion auto: expected a face whose expression was read, there is none; name an emotion")
        if read_from_face.shape != (frames50, len(Emotion)):
            raise ValueError(f"expected a track of shape {(frames50, len(Emotion))}, got {read_from_face.shape}")
        track = read_from_face.astype(np.float32)
    else:
        track = np.tile(np.eye(len(Emotion), dtype=np.float32)[Emotion[asked.upper()]], (frames50, 1))
    track = track * np.float32(intensity)
    track[:, Emotion.NEUTRAL] += np.float32(1 - intensity)
    return track
