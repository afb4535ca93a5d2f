"""Runs the rows of the evaluation that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imagintalk.data.corpora import read_drawn
from imagintalk.data.grid import read_grid
from imagintalk.data.ravdess import UNSEEN_TALKERS, read_ravdess
from imagintalk.data.recording import Recording
from imagintalk.data.splits import Split
from imagintalk.evaluation.ears.accuracy import ear_accuracy
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.emotion_order import actors_prosody, clear_signs
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.result import Result
from imagintalk.evaluation.rows.codec import codec_row
from imagintalk.evaluation.rows.drawn import drawn_row
from imagintalk.evaluation.rows.emotion import emotion_row
from imagintalk.evaluation.rows.length import length_row
from imagintalk.evaluation.rows.lips import lips_row
from imagintalk.evaluation.rows.speed import speed_row
from imagintalk.evaluation.rows.tokens import tokens_row
from imagintalk.evaluation.rows.voice import voice_row
from imagintalk.evaluation.subjects import Subjects
from imagintalk.types import Notify

TALKER = "s1"
"""The GRID talker that the default model is measured on."""


@dataclass(frozen=True)
class Material:
    """Where the recordings are, and how many of them are measured."""

    data: Path
    """Folder with grid/ and ravdess/."""
    drawn: Path
    """Folder of drawn clips."""
    recognisers: Mapping[str, Recogniser]
    """By name; rows are judged by the first."""
    emotion: EmotionEar
    split: Split = "test"
    limit: int | None = None

    @cached_property
    def grid(self) -> list[Recording]:
        """Clips of the split."""
        return [r for r in read_grid(self.data / "grid") if r.talker == TALKER and r.split == self.split]

    @cached_property
    def ravdess(self) -> list[Recording]:
        """All recordings."""
        return read_ravdess(self.data / "ravdess")

    @cached_property
    def drawn_clips(self) -> list[Recording]:
        """Drawn clips of the split."""
        return [r for r in read_drawn(self.drawn) if r.split == self.split]


def measure(subjects: Subjects, material: Material, rows: tuple[str, ...], notify: Notify) -> list[Result]:
    """The rows asked for, in the table's order. Raises DataError when recordings are missing."""
    return [make(subjects, material, notify) for name, make in ROWS.items() if name in rows]


def _emotion(subjects: Subjects, material: Material, notify: Notify) -> Result:
    trained, tested = ([r for r in material.ravdess if r.split == split] for split in ("train", "test"))
    ear = material.emotion
    accuracy = ear_accuracy(ear, tested, subjects.resynthesise, notify)
    signs = clear_signs(actors_prosody(trained, notify))
    return emotion_row(material.grid, subjects.speak_with, ear, accuracy, signs, material.limit or 10, notify)


def _voice(subjects: Subjects, material: Material, notify: Notify) -> Result:
    unseen = [r for r in material.ravdess if r.talker in UNSEEN_TALKERS]
    encoder = subjects.pipeline.parts.speaker
    return voice_row(material.grid, unseen, subjects.speak_as, encoder, material.limit or 24, notify)


def _drawn(subjects: Subjects, material: Material, notify: Notify) -> Result:
    return drawn_row(material.drawn_clips, subjects.speak_lips, material.recognisers, material.limit, notify)


ROWS: dict[str, Callable[[Subjects, Material, Notify], Result]] = {
    "codec": lambda s, m, n: codec_row(m.grid, s.resynthesise, m.limit, n),
    "tokens": lambda s, m, n: tokens_row(m.grid, s.speak_tokens, m.recognisers, m.limit, n),
    "lips": lambda s, m, n: lips_row(m.grid, s.speak_lips, m.recognisers, m.limit, n),
    "drawn": _drawn,
    "emotion": _emotion,
    "voice": _voice,
    "length": lambda s, m, n: length_row([r.path for r in m.grid], s.speak, m.limit or 10, n),
    "speed": lambda s, m, n: speed_row(m.grid[0].path, s.pipeline.store.folder),
}
