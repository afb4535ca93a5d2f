"""What training clips hear first: a piece of a recording in the voice that they are to speak with (`Prompt`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from imagintalk.data.cache import Example
from imagintalk.rates import SAMPLES_PER_VIDEO_FRAME

PICTURES = (20, 50)
"""Shortest and longest prompt, in video frames."""
TRIES = 3
"""The loudest of so many places is taken: silence tells nothing of a voice."""


class Piece(NamedTuple):
    """Video frames `start` to `stop` of a recording."""

    example: Example
    start: int
    stop: int

    def rest(self, example: Example, pictures: int) -> tuple[int, int]:
        """First and last video frame of what a clip of so many may speak: never what it has heard already."""
        if example is not self.example:
            return 0, pictures
        return (self.stop, pictures) if self.start == 0 else (0, self.start)


def draw_pieces(
    examples: Sequence[Example],
    voices: Sequence[Example],
    pictures_of: Callable[[Example], int],
    rng: np.random.Generator,
) -> list[Piece]:
    """A prompt for each example out of its voice's recording, all equally long; none where that would be too short.

    Where that recording is the example itself, its beginning or its end, and less than half of it.
    """
    room = min(
        pictures_of(voice) // (2 if voice is example else 1) for example, voice in zip(examples, voices, strict=True)
    )
    length = min(room, int(rng.integers(PICTURES[0], PICTURES[1] + 1)))
    if length < PICTURES[0]:
        return []
    pieces = []
    for example, voice in zip(examples, voices, strict=True):
        last = pictures_of(voice) - length
        starts = [0, last] if voice is example else rng.integers(last + 1, size=TRIES).tolist()
        start = max(starts, key=lambda first: _energy(voice, first, first + length))
        pieces.append(Piece(voice, start, start + length))
    return pieces


def _energy(example: Example, start: int, stop: int) -> float:
    """Of video frames `start` to `stop`, mean square."""
    samples = example.samples[start * SAMPLES_PER_VIDEO_FRAME : stop * SAMPLES_PER_VIDEO_FRAME]
    return float(np.square(samples).mean())
