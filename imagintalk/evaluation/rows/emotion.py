"""Does the speech carry the emotion that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.ears.accuracy import EarAccuracy
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.emotion_order import directions, expected_signs
from imagintalk.evaluation.pitch import Prosody, measure_prosody
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.types import Emotion, Notify, Progress, Speech

SpeakWith = Callable[[Path, Emotion, int], Speech]
"""(clip, emotion, seed) to speech."""

SEED = 0


def emotion_row(
    clips: Sequence[Recording],
    speak: SpeakWith,
    ear: EmotionEar,
    accuracy: EarAccuracy,
    acted_signs: Mapping[tuple[str, Emotion], int],
    limit: int | None,
    notify: Notify,
) -> Result:
    """The same clip and seed in all eight emotions.

    Judged: the share of pairs (measure, emotion) that move from neutral as RAVDESS's actors clearly do (`acted_signs`,
    from `emotion_order.clear_signs`), and the share of emotions that the ear names, whose own accuracy is told beside.
    Told: the share that follows the order in words (angry, happy, fearful above neutral; sad, calm below), from which
    the actors themselves depart.
    """
    chosen = evenly(clips, limit)
    if not chosen:
        raise DataError("expected clips to speak with emotions, got none")
    rows: list[dict[str, float | str]] = []
    spoken: list[dict[Emotion, Prosody]] = []
    for count, clip in enumerate(chosen):
        group: dict[Emotion, Prosody] = {}
        for emotion in Emotion:

            def heard(path: Path = clip.path, emotion: Emotion = emotion) -> tuple[str, Prosody] | None:
                speech = speak(path, emotion, SEED)
                prosody = measure_prosody(speech.samples, speech.rate)
                return ear.classify(speech.samples, speech.rate).word, prosody

            found, failure = attempt(heard, None, clip.path)
            row: dict[str, float | str] = {"clip": clip.stem, "asked": emotion.word, "failure": failure}
            if found is not None:
                row["named"], group[emotion] = found
                row |= asdict(group[emotion])
            rows.append(row)
            notify(Progress("emotions", (count + (emotion + 1) / len(Emotion)) / len(chosen)))
        spoken.append(group)
    moved = directions(spoken)
    named = [row.get("named") == row["asked"] for row in rows]
    return Result(
        what="emotion asked for, same clip and seed",
        figures=(
            Figure("ordered as RAVDESS's actors", _share(moved, acted_signs), 100.0, 100.0, " %"),
            Figure("named by the ear", 100 * float(np.mean(named)), None, 50.0, " %"),
            Figure("ordered as in words", _share(moved, expected_signs()), None, None, " %"),
        ),
        clips=len(chosen),
        available=len(clips),
        per_clip=tuple(rows),
        notes=(
            accuracy.text,
            f"{len(acted_signs)} of {len(expected_signs())} pairs are clear in RAVDESS",
            *_off(moved, acted_signs),
        ),
    )


def _share(moved: Mapping[tuple[str, Emotion], float], signs: Mapping[tuple[str, Emotion], int]) -> float:
    """Per cent of pairs that move the way of their sign; a pair that could not be measured does not."""
    return 100 * float(np.mean([moved.get(pair, 0.0) * sign > 0 for pair, sign in signs.items()])) if signs else 0.0


def _off(moved: Mapping[tuple[str, Emotion], float], signs: Mapping[tuple[str, Emotion], int]) -> tuple[str, ...]:
    """A note with the pairs that move against their sign, and how far."""
    far = {pair: moved.get(pair, 0.0) for pair, sign in signs.items() if moved.get(pair, 0.0) * sign <= 0}
    wrong = [f"{emotion.word} {measure} {value:+.2f}" for (measure, emotion), value in far.items()]
    return (f"against the actors' order: {', '.join(wrong)}",) if wrong else ()
