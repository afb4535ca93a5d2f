"""Is the voice the one that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.media.audio import read_audio
from imagintalk.rates import SAMPLE_RATE
from imagintalk.style.speaker import SpeakerEncoder
from imagintalk.types import Notify, Progress, Speech

SpeakAs = Callable[[Path, Path], Speech]
"""(clip, recording of the wanted voice) to speech."""


def voice_row(
    clips: Sequence[Recording],
    references: Sequence[Recording],
    speak: SpeakAs,
    encoder: SpeakerEncoder,
    limit: int | None,
    notify: Notify,
) -> Result:
    """GE2E cosine of the speech to the reference, one clip a reference; references are of actors in no training split.

    Told beside it, not judged: the same cosine between two recordings of one actor and of two actors, which say how
    much the number can mean. Raises DataError without clips or references.
    """
    if not clips or not references:
        raise DataError(f"expected clips and reference voices, got {len(clips)} and {len(references)}")
    chosen = evenly(references, limit)
    rows: list[dict[str, float | str]] = []
    cosines, voices = [], []
    for count, reference in enumerate(chosen):
        clip = clips[count * len(clips) // len(chosen)]
        wanted = encoder.embed(read_audio(reference.sound, SAMPLE_RATE), SAMPLE_RATE)

        def likeness(clip: Path = clip.path, sound: Path = reference.sound, wanted: np.ndarray = wanted) -> float:
            speech = speak(clip, sound)
            return float(encoder.embed(speech.samples, speech.rate) @ wanted)

        value, failure = attempt(likeness, 0.0, clip.path)
        voices.append(wanted)
        cosines.append(value)
        row: dict[str, float | str] = {"clip": clip.stem, "reference": reference.stem, "actor": reference.talker}
        rows.append(row | {"cosine": value, "failure": failure})
        notify(Progress("voices", (count + 1) / len(chosen)))
    return Result(
        what="voice, unseen RAVDESS actors",
        figures=(Figure("GE2E cosine", float(np.mean(cosines)), 0.65, 0.80),),
        clips=len(chosen),
        available=len(references),
        per_clip=tuple(rows),
        notes=_scale(np.stack(voices), [r.talker for r in chosen]),
    )


def _scale(voices: np.ndarray, talkers: list[str]) -> tuple[str, ...]:
    """Notes on the cosine between the references (K, 256) themselves."""
    first, second = np.triu_indices(len(voices), 1)
    cosines = (voices @ voices.T)[first, second]
    same = np.asarray([talkers[a] == talkers[b] for a, b in zip(first, second, strict=True)], dtype=bool)
    kinds = (("two recordings of one actor", cosines[same]), ("recordings of two actors", cosines[~same]))
    return tuple(f"{kind}: cosine {values.mean():.2f}" for kind, values in kinds if len(values))
