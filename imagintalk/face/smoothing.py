"""From expression readings of single pictures to the emotion track that steers the temporal style."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagintalk.rates import TOKEN_HZ, VIDEO_FPS
from imagintalk.types import Emotion

WINDOW_S = 0.5
"""The paper smooths the labels over 0.5 s."""


def emotion_track(probabilities: NDArray[np.floating], frames: NDArray[np.integer], length: int) -> NDArray[np.float32]:
    """Emotion weights (length, 8) at 50 Hz, one-hot, from readings (E, 8) at the 25 fps frames (E,).

    The paper turns each frame into a label and smooths over 0.5 s; how is our choice: the label at each instant is the
    class with the highest mean probability over the readings in the window around it (the nearest reading where the
    window holds none). Without any reading the track is neutral.
    """
    track = np.zeros((length, len(Emotion)), np.float32)
    if not len(frames):
        track[:, Emotion.NEUTRAL] = 1
        return track
    read_at = (np.asarray(frames, np.float64) + 0.5) / VIDEO_FPS
    instants = (np.arange(length) + 0.5) / TOKEN_HZ
    apart = np.abs(instants[:, None] - read_at[None])
    inside = (apart <= WINDOW_S / 2) | (apart == apart.min(axis=1, keepdims=True))
    means = inside @ np.asarray(probabilities, np.float64) / inside.sum(axis=1, keepdims=True)
    track[np.arange(length), means.argmax(axis=1)] = 1
    return track
