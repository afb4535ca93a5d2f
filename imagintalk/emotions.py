"""The feelings that the model knows. Alone in its file, so that a program can name them without loading numpy."""

from __future__ import annotations

from enum import IntEnum


class Emotion(IntEnum):
    """The eight classes of RAVDESS, in its order; the value indexes the emotion embedding."""

    NEUTRAL = 0
    CALM = 1
    HAPPY = 2
    SAD = 3
    ANGRY = 4
    FEARFUL = 5
    DISGUST = 6
    SURPRISED = 7

    @property
    def word(self) -> str:
        """The name as a user writes it: lower case."""
        return self.name.lower()
