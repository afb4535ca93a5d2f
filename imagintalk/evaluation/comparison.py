"""Made speech beside the recording of the same clip: what recognisers hear in both, and ESTOI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.intelligibility import estoi
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.words import WordErrors, pooled, word_errors
from imagintalk.media.audio import read_audio
from imagintalk.media.probe import probe
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress, Speech

Speak = Callable[[Recording], Speech]
"""Makes speech for a clip, at 24 kHz, as long as its picture."""


@dataclass(frozen=True)
class Hearing:
    """What one recogniser hears of one clip."""

    heard_true: str
    """Words in the recording."""
    heard: str
    """Words in the made speech."""
    true_errors: WordErrors
    errors: WordErrors


@dataclass(frozen=True)
class Comparison:
    """One clip."""

    stem: str
    said: str
    hearings: Mapping[str, Hearing]
    """By the recogniser's name."""
    estoi: float
    failure: str = ""
    """Why no speech was made; then silence is what is measured."""

    @property
    def row(self) -> dict[str, float | str]:
        """The clip as the results file shows it."""
        row: dict[str, float | str] = {"clip": self.stem, "said": self.said}
        for name, hearing in self.hearings.items():
            row |= {
                f"{name} heard in the recording": hearing.heard_true,
                f"{name} heard": hearing.heard,
                f"{name} errors in the recording": hearing.true_errors.errors,
                f"{name} errors": hearing.errors.errors,
                "words": hearing.errors.words,
            }
        return row | {"ESTOI": self.estoi, **({"failure": self.failure} if self.failure else {})}


def true_sound(recording: Recording) -> NDArray[np.float32]:
    """(N,) at 24 kHz: the recording's sound, exactly as long as its picture where it has one. Raises ClipError."""
    end_s = float(probe(recording.path).duration_s) if recording.has_picture else None
    return read_audio(recording.sound, SAMPLE_RATE, end_s=end_s)


def compare(
    recordings: Sequence[Recording],
    speak: Speak,
    recognisers: Mapping[str, Recogniser],
    stage: str,
    notify: Notify,
) -> list[Comparison]:
    """Each recording, whose `text` says what is spoken, beside what `speak` makes of it."""
    found = []
    for count, recording in enumerate(recordings, 1):
        true = true_sound(recording)
        silence = Speech(np.zeros_like(true), SAMPLE_RATE)
        speech, failure = attempt(lambda r=recording: speak(r), silence, recording.path)  # type: ignore[misc]
        if speech.rate != SAMPLE_RATE:
            raise DataError(f"{recording.path}: expected speech at {SAMPLE_RATE} Hz, got {speech.rate} Hz")
        found.append(
            Comparison(
                stem=recording.stem,
                said=recording.text,
                hearings={n: _hear(ear, recording.text, true, speech.samples) for n, ear in recognisers.items()},
                estoi=estoi(true, speech.samples, SAMPLE_RATE),
                failure=failure,
            )
        )
        notify(Progress(stage, count / len(recordings)))
    return found


def _hear(recogniser: Recogniser, said: str, true: NDArray[np.float32], made: NDArray[np.float32]) -> Hearing:
    heard_true, heard = (recogniser.transcribe(samples, SAMPLE_RATE) for samples in (true, made))
    return Hearing(heard_true, heard, word_errors(said, heard_true), word_errors(said, heard))


@dataclass(frozen=True)
class Summary:
    """All clips together, as one recogniser hears them. Rates in points, errors per hundred words."""

    true_points: float
    points: float
    estoi: float

    @property
    def points_above(self) -> float:
        """How much more is misheard than in the recordings; below 0 when less."""
        return self.points - self.true_points


def summarise(comparisons: Sequence[Comparison], recogniser: str) -> Summary:
    """Word errors pooled over the clips, ESTOI as their mean. Raises DataError when there is no clip."""
    return Summary(
        true_points=100 * pooled(c.hearings[recogniser].true_errors for c in comparisons).rate,
        points=100 * pooled(c.hearings[recogniser].errors for c in comparisons).rate,
        estoi=float(np.mean([c.estoi for c in comparisons])),
    )
