"""Rows to the cells and lines of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imagintalk.evaluation.interval import Interval, interval
from imagintalk.evaluation.table import Table
from imagintalk.experiments.charts import Line
from imagintalk.experiments.experiment import Row


@dataclass(frozen=True)
class Column:
    """A figure that the table shows."""

    figure: str
    """Its name in the rows."""
    heading: str
    unit: str = ""


WER = Column("WER", "WER ↓", " %")
ESTOI = Column("ESTOI", "ESTOI ↑")
MCD = Column("MCD", "MCD ↓", " dB")
DNSMOS = Column("DNSMOS", "DNSMOS ↑")
VOICE = Column("voice", "voice, GE2E cosine ↑")
EMOTION = Column("emotion", "emotion cosine ↑")


def at(rows: Sequence[Row], setting: str) -> list[Row]:
    """The rows of one setting."""
    return [row for row in rows if row["setting"] == setting]


def known(rows: Sequence[Row], figure: str) -> list[float]:
    """The figure of each row that has it."""
    return [float(row[figure]) for row in rows if row.get(figure) is not None]


def mean_of(rows: Sequence[Row], figure: str) -> Interval:
    """Over clips; several rows of one clip count as their mean."""
    by_clip: dict[str, list[Row]] = {}
    for row in rows:
        by_clip.setdefault(row["clip"], []).append(row)
    of_clips = [known(of_clip, figure) for of_clip in by_clip.values()]
    return interval([float(np.mean(values)) for values in of_clips if values])


def settings_table(
    title: str, head: str, rows: Sequence[Row], settings: Sequence[str], shown: Sequence[Column]
) -> Table:
    """One row a setting."""
    cells = [
        (setting, *(mean_of(at(rows, setting), column.figure).text(column.unit) for column in shown))
        for setting in settings
    ]
    return Table(title, (head, *(column.heading for column in shown)), tuple(cells))


def settings_of(rows: Sequence[Row]) -> list[str]:
    """All settings, in the order in which they were measured."""
    return list(dict.fromkeys(row["setting"] for row in rows))


def line(name: str, x: Sequence[float], groups: Sequence[Sequence[Row]], figure: str) -> Line:
    """The mean of a figure with its interval, one group of rows a point."""
    found = [mean_of(group, figure) for group in groups]
    return Line(name, tuple(x), tuple(f.mean for f in found), tuple((f.low, f.high) for f in found))


def best(settings: Sequence[str], score: Callable[[str], float]) -> str:
    """The setting of the lowest score; the earlier one of two that are equal; NaN never wins, a dash where all are."""
    scores = [score(setting) for setting in settings]
    return "–" if np.isnan(scores).all() else settings[int(np.nanargmin(scores))]
