"""What an experiment is: units of work, each one clip at one setting, and the report that is drawn from their rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagintalk.evaluation.table import Table
from imagintalk.experiments.charts import Panel

if TYPE_CHECKING:
    from imagintalk.experiments.lab import Lab

Figures = Mapping[str, Any]
"""What was measured, by name: numbers, words, or lists of them; NaN where there is no such figure."""
Row = dict[str, Any]
"""Figures of one unit, with its `clip` and `setting`."""


@dataclass(frozen=True)
class Unit:
    """The smallest piece of work that is kept."""

    clip: str
    setting: str
    measure: Callable[[], Figures]


@dataclass(frozen=True)
class Report:
    """What a reader sees."""

    tables: tuple[Table, ...]
    panels: tuple[Panel, ...]
    """Side by side in one picture."""
    notes: tuple[str, ...] = ()


class Experiment(ABC):
    """One question. Subclasses set the attributes."""

    name: str
    """As the command line calls it."""
    title: str
    question: str
    """One sentence for the reader."""
    clips: int
    """How many are measured unless told otherwise: about ten minutes on one CPU core."""
    parts: tuple[str, ...] = ("tokens", "codec", "language", "lips", "style", "diffusion")
    """Of the model; where one of them is another, older rows no longer count."""
    if_failed: Figures = {"WER": 100.0}
    """What a clip counts as that cannot be dubbed: to leave it out would flatter the figures."""

    @abstractmethod
    def units(self, lab: Lab, clips: int) -> list[Unit]:
        """All work, clip after clip. Nothing is measured yet. Raises DataError where recordings are missing."""

    @abstractmethod
    def report(self, rows: Sequence[Row]) -> Report:
        """From rows alone, so that it can be drawn again without running."""
