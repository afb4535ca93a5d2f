"""How well the ear for emotions hears: on recordings that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.ravdess import UNSEEN_TALKERS
from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.media.audio import read_audio
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress


@dataclass(frozen=True)
class EarAccuracy:
    """Per cent of recordings whose emotion is named; by chance it were 12.5."""

    recorded: float
    coded: float
    """The same recordings through the codec."""
    strangers: float
    """As recorded, by actors that the ear has never heard; NaN where there are none."""
    clips: int

    @property
    def text(self) -> str:
        """For a reader of the figures that the ear gives."""
        return (
            f"of {self.clips} RAVDESS recordings the ear names {self.recorded:.0f} %, through the codec "
            f"{self.coded:.0f} %, of actors that it does not know {self.strangers:.0f} %"
        )


def ear_accuracy(
    ear: EmotionEar,
    recordings: Sequence[Recording],
    resynthesise: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    notify: Notify,
) -> EarAccuracy:
    """Of RAVDESS's recordings, samples (N,) at 24 kHz. Raises DataError when there are none, or without an emotion."""
    if not recordings or any(r.emotion is None for r in recordings):
        raise DataError("expected recordings with an emotion to measure the ear on, as RAVDESS has; got some without")
    recorded, coded = [], []
    for count, recording in enumerate(recordings, 1):
        samples = read_audio(recording.sound, SAMPLE_RATE)
        recorded.append(ear.classify(samples, SAMPLE_RATE) == recording.emotion)
        coded.append(ear.classify(resynthesise(samples), SAMPLE_RATE) == recording.emotion)
        notify(Progress("measure the ear", count / len(recordings)))
    strange = [named for named, r in zip(recorded, recordings, strict=True) if r.talker in UNSEEN_TALKERS]
    return EarAccuracy(_percent(recorded), _percent(coded), _percent(strange), len(recordings))


def _percent(named: Sequence[bool]) -> float:
    return 100 * float(np.mean(named)) if named else float("nan")
