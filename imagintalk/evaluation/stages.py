"""The same clips after each stage, so that each loss is seen where it arises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.recording import Recording
from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.comparison import true_sound
from imagintalk.evaluation.lip_sync import mouth_opening
from imagintalk.evaluation.meters import Meters, Pair, Sound
from imagintalk.evaluation.pairs import Scores, score
from imagintalk.evaluation.subjects import Subjects
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress


def score_stages(
    subjects: Subjects, recordings: Sequence[Recording], meters: Meters, notify: Notify
) -> dict[str, list[Scores]]:
    """All meters of the recordings themselves, through the codec, from their own tokens, and from the lips."""
    ways: dict[str, Callable[[Recording], Sound]] = {
        "recording": true_sound,
        "codec only": lambda r: subjects.resynthesise(true_sound(r)),
        "own tokens → speech": lambda r: subjects.speak_tokens(r).samples,
        "lips → speech": lambda r: subjects.speak_lips(r).samples,
    }
    found: dict[str, list[Scores]] = {name: [] for name in ways}
    for count, recording in enumerate(recordings, 1):
        opening, _ = attempt(lambda r=recording: mouth_opening(r.path), None, recording.path)  # type: ignore[misc]
        for name, make in ways.items():

            def read(
                recording: Recording = recording,
                make: Callable[[Recording], Sound] = make,
                opening: NDArray[np.float64] | None = opening,
            ) -> Pair:
                return Pair(true_sound(recording), make(recording), SAMPLE_RATE, recording.text, opening)

            found[name].append(score(recording.path, recording.text, read, meters))
        notify(Progress("stages", count / len(recordings)))
    return found
