"""How actors move from their neutral voice into each emotion, measured on the prepared recordings of a corpus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagintalk.codec.spectral_decoder import SUBFRAMES
from imagintalk.data.cache import Example
from imagintalk.data.restyle import Manner
from imagintalk.errors import DataError
from imagintalk.rates import SAMPLES_PER_TOKEN, exact_ratio
from imagintalk.types import Emotion

FEWEST_VOICED = 20
"""Frames of 10 ms; of fewer no median is told."""
SEMITONES, LIVELINESS, DECIBELS = (-10.0, 14.0), (0.4, 2.5), (-10.0, 9.0)
"""Bounds: beyond, overlap-add sounds broken, and shouting that is louder by more would leave full scale."""


@dataclass(frozen=True)
class Move:
    """From one actor's neutral voice to an emotion."""

    emotion: Emotion
    intensity: float
    manner: Manner


def actors_moves(examples: Iterable[Example]) -> list[Move]:
    """One for each actor, emotion and intensity. Raises DataError when no actor speaks neutrally and with emotion."""
    takes: dict[str, dict[tuple[Emotion, float], list[NDArray[np.float64]]]] = defaultdict(lambda: defaultdict(list))
    for example in examples:
        heard = _prosody(example)
        if example.emotion is not None and heard is not None:
            takes[example.talker][example.emotion, example.intensity or 0.0].append(heard)
    moves = []
    for actor in takes.values():
        neutral = [take for (emotion, _), group in actor.items() if emotion is Emotion.NEUTRAL for take in group]
        if not neutral:
            continue
        base = np.mean(neutral, axis=0)
        for (emotion, intensity), group in sorted(actor.items()):
            if emotion is not Emotion.NEUTRAL:
                moves.append(Move(emotion, intensity, _manner(np.mean(group, axis=0) - base)))
    if not moves:
        raise DataError("expected prepared recordings of actors who speak neutrally and with emotion (RAVDESS)")
    return moves


def _manner(difference: NDArray[np.float64]) -> Manner:
    """Of (semitones, log of the range in semitones, decibels)."""
    return Manner(
        semitones=float(np.clip(difference[0], *SEMITONES)),
        liveliness=float(np.clip(np.exp(difference[1]), *LIVELINESS)),
        decibels=float(np.clip(difference[2], *DECIBELS)),
    )


def _prosody(example: Example) -> NDArray[np.float64] | None:
    """Median pitch in semitones, log of the range in semitones, level in dB, over voiced frames; None without them."""
    pitch = example.sound["pitch"]
    voiced = np.flatnonzero(pitch > 0)
    if len(voiced) < FEWEST_VOICED:
        return None
    semitones = 12 * np.log2(pitch[voiced])
    # Quartiles: errors by an octave and frames of noise do not reach them.
    low, median, high = np.percentile(semitones, [25, 50, 75])
    hop = exact_ratio(SAMPLES_PER_TOKEN, SUBFRAMES)
    power = np.square(example.samples[: len(pitch) * hop]).reshape(-1, hop).mean(axis=1)
    level = 10 * np.log10(power[voiced].mean() + 1e-10)
    return np.array([median, np.log(max(high - low, 0.3)), level])
