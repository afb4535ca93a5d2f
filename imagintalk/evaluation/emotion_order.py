"""Which way each emotion moves pitch and energy away from neutral."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, fields

import numpy as np

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.pitch import Prosody, measure_prosody
from imagintalk.media.audio import read_audio
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Emotion, Notify, Progress

MEASURES = tuple(field.name for field in fields(Prosody))
COMPARED = (Emotion.ANGRY, Emotion.HAPPY, Emotion.FEARFUL, Emotion.SAD, Emotion.CALM)

Direction = dict[tuple[str, Emotion], float]
"""Mean difference from neutral by measure and emotion, in the measure's unit."""


def expected_signs() -> dict[tuple[str, Emotion], int]:
    """The usual order (our targets): angry, happy, fearful above neutral, sad and calm below, in every measure."""
    below = (Emotion.SAD, Emotion.CALM)
    return {(measure, emotion): -1 if emotion in below else 1 for measure in MEASURES for emotion in COMPARED}


def directions(by_group: Sequence[dict[Emotion, Prosody]]) -> Direction:
    """Mean over groups (clips, or actors) of emotion minus neutral within the group."""
    return {key: float(np.mean(values)) for key, values in _differences(by_group).items()}


def clear_signs(by_group: Sequence[dict[Emotion, Prosody]]) -> dict[tuple[str, Emotion], int]:
    """Signs of `directions`, only where the mean is more than two standard errors from zero."""
    signs = {}
    for key, values in _differences(by_group).items():
        mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.inf
        if abs(mean) > 2 * error:
            signs[key] = int(np.sign(mean))
    return signs


def actors_prosody(recordings: Sequence[Recording], notify: Notify) -> list[dict[Emotion, Prosody]]:
    """Mean prosody of each actor in each emotion, over RAVDESS's recordings; takes without pitch are left out."""
    heard: dict[str, dict[Emotion, list[Prosody]]] = defaultdict(lambda: defaultdict(list))
    for count, recording in enumerate(recordings, 1):
        notify(Progress("prosody of the actors", count / len(recordings)))
        if recording.emotion is None:
            continue
        try:
            prosody = measure_prosody(read_audio(recording.sound, SAMPLE_RATE), SAMPLE_RATE)
        except DataError:
            continue
        heard[recording.talker][recording.emotion].append(prosody)
    return [{emotion: mean_prosody(takes) for emotion, takes in actor.items()} for actor in heard.values()]


def mean_prosody(takes: Sequence[Prosody]) -> Prosody:
    """Mean of each measure."""
    return Prosody(*(float(v) for v in np.mean([astuple(take) for take in takes], axis=0)))


def _differences(by_group: Sequence[dict[Emotion, Prosody]]) -> dict[tuple[str, Emotion], list[float]]:
    found: dict[tuple[str, Emotion], list[float]] = defaultdict(list)
    for group in by_group:
        neutral = group.get(Emotion.NEUTRAL)
        if neutral is None:
            continue
        for emotion in COMPARED:
            if emotion in group:
                for measure in MEASURES:
                    found[measure, emotion].append(getattr(group[emotion], measure) - getattr(neutral, measure))
    return found
