"""The same clips after each stage, so that each loss is seen where it arises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import true_sound
from imagintalk.evaluation.meters import Meters, Sound
from imagintalk.evaluation.pairs import Scores, score
from imagintalk.evaluation.subjects import Subjects
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
        for name, make in ways.items():

            def sounds(
                recording: Recording = recording, make: Callable[[Recording], Sound] = make
            ) -> tuple[Sound, Sound]:
                return true_sound(recording), make(recording)

            found[name].append(score(recording.path, sounds, meters))
        notify(Progress("stages", count / len(recordings)))
    return found
