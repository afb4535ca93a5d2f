"""Training clips that were never filmed: a little faster or slower, or begun by one recording and ended by another.

Ours. A talker's half hour holds few sentences, and an aligner soon knows them by heart. What it cannot know by heart is
a sentence that changes at a word's edge into another of the same talker; and tempo is no part of a sound's name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.cache import Example
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME, VIDEO_FPS

SPLICED = 0.4
"""Share of the clips whose end is another recording's, where there are word times."""
TEMPO = (0.85, 1.18)
"""Slowest and fastest, of the tempo that was recorded."""


class Stretch(NamedTuple):
    """Part of a recording."""

    example: Example
    places: NDArray[np.float64]
    """(T,) which video frame of it each frame of the clip shows; between two, where it is no whole number."""

    @property
    def places50(self) -> NDArray[np.float64]:
        """(T50,) the same in 50 Hz frames."""
        steps = np.arange(TOKENS_PER_VIDEO_FRAME)
        return (TOKENS_PER_VIDEO_FRAME * self.places[:, None] + steps).reshape(-1)


def whole(example: Example, frames: int) -> list[Stretch]:
    """The first `frames` video frames at most, as recorded."""
    return [Stretch(example, np.arange(min(frames, _length(example)), dtype=np.float64))]


class StretchDraw:
    """Draws the stretches that a training clip is made of."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._alike: dict[tuple[str, str, int], list[Example]] = defaultdict(list)
        for example in examples:
            self._alike[_kind(example)].append(example)

    def draw(self, example: Example, frames: int, rng: np.random.Generator) -> list[Stretch]:
        """`frames` video frames at most of an example, retimed, and maybe ended by another with as many words."""
        tempo = float(np.exp(rng.uniform(*np.log(TEMPO))))
        first, cut, others = 0.0, float(_length(example)), self._alike[_kind(example)]
        ending = None
        if len(example.words) > 1 and rng.random() < SPLICED:
            ending, word = others[int(rng.integers(len(others)))], int(rng.integers(1, len(example.words)))
            cut, resumed = (VIDEO_FPS * e.words[word][0] for e in (example, ending))
        else:
            first = float(rng.uniform(0, max(0.0, cut - tempo * frames)))
        places = np.arange(first, min(cut, _length(example) - 1 + 1e-6), tempo)[:frames]
        stretches = [Stretch(example, places)]
        if ending is not None and len(places) < frames:
            rest = np.arange(resumed, _length(ending) - 1 + 1e-6, tempo)[: frames - len(places)]
            stretches.append(Stretch(ending, rest))
        return [stretch for stretch in stretches if len(stretch.places)]


def between(values: NDArray[np.generic], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Values (N, ...) at places (T,) between them, linearly; the last one is held. (T, ...) float32."""
    low = np.minimum(places.astype(np.int64), len(values) - 1)
    share = (places - low).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1)).clip(0, 1)
    high = np.minimum(low + 1, len(values) - 1)
    mixed: NDArray[np.float32] = (1 - share) * values[low].astype(np.float32) + share * values[high].astype(np.float32)
    return mixed


def nearest(values: NDArray[np.int64], places: NDArray[np.float64]) -> NDArray[np.int64]:
    """Values (N,) at the places (T,) nearest to them; the last one is held. (T,)."""
    chosen: NDArray[np.int64] = values[np.minimum((places + 0.5).astype(np.int64), len(values) - 1)]
    return chosen


def _length(example: Example) -> int:
    return len(example.picture["mouth"])


def _kind(example: Example) -> tuple[str, str, int]:
    return example.corpus, example.talker, len(example.words)
