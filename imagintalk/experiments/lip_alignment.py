"""What the lip aligner reads, before anything is refilled, against the tokens of the recording's own sound."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import soxr
from numpy.typing import NDArray

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.interval import interval
from imagintalk.evaluation.table import Table
from imagintalk.experiments.charts import Line, Lines, Matrix
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.visemes import NAMES, visemes_in
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE

BINS = 10
"""Of confidence, from 0 to 1."""
TOP = 5


class LipAlignment(Experiment):
    """Frame by frame."""

    name = "lips"
    title = "Lip aligner alone"
    question = (
        "How many tokens does the lip aligner read right, does it know when, and which mouth shapes does it "
        "take for each other?"
    )
    clips = 92
    parts = ("tokens", "lips", "language")
    if_failed: Figures = {}

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        return [Unit(r.stem, "lips", partial(self._measure, lab, r)) for r in lab.clips(clips)]

    def _measure(self, lab: Lab, recording: Recording) -> Figures:
        """Lists with a number for each frame of 50 Hz."""
        content = lab.content(recording.path)
        logits = lab.alignment(recording.path).logits[0].float().cpu().numpy()
        true = lab.true_tokens(recording, len(content.ids))
        heard = soxr.resample(lab.sound(recording), SAMPLE_RATE, EAR_SAMPLE_RATE)
        visemes = visemes_in(heard)[: len(true)]
        return {
            "true": true.tolist(),
            "read": content.ids.tolist(),
            "rank": (logits > logits[np.arange(len(true)), true][:, None]).sum(axis=1).tolist(),
            "probability": content.probability.astype(np.float64).round(3).tolist(),
            "viseme": np.pad(visemes, (0, len(true) - len(visemes)), mode="edge").tolist(),
        }

    def report(self, rows: Sequence[Row]) -> Report:
        measured = [row for row in rows if "true" in row]
        if not measured:
            raise DataError(f"lips: expected a clip that can be read, none of {len(rows)} can: {rows[0]['failure']}")
        true, read, rank, viseme = (_joined(measured, name) for name in ("true", "read", "rank", "viseme"))
        probability = _joined(measured, "probability")
        shape = majority(true, viseme)
        bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        accuracy = [float((rank[bins == b] == 0).mean()) if (bins == b).any() else float("nan") for b in range(BINS)]
        middles = [(b + 0.5) / BINS for b in range(BINS)]
        shown = sorted(set(viseme.tolist()))
        confused = confusion(viseme, shape[read], len(NAMES))[np.ix_(shown, shown)]
        names = tuple(NAMES[v] for v in shown)
        panels = (
            Lines(
                "Does it know when it is right",
                "confidence",
                "share right",
                (Line("read", tuple(middles), tuple(accuracy)), Line("calibrated", (0.0, 1.0), (0.0, 1.0))),
            ),
            Matrix("Mouth shapes, share of a row", "read as", "true", names, names, _nested(confused)),
        )
        tables = (
            _summary(measured, shape),
            _by_confidence(bins, rank, accuracy),
            Table("Mouth shapes, % of a row", ("true", *names), _percent(names, confused)),
        )
        notes = (
            "true mouth shapes are those of the phonemes that hama hears in the recording; a token has the one that it "
            "most often comes with in these clips",
        )
        return Report(tables, panels, notes)


def majority(tokens: NDArray[np.int64], visemes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(token,) the viseme that each token comes with most, of frames (T,); silence where it never comes.

    Long enough for every token that may be read, whatever came: at least 2^16.
    """
    counts = np.zeros((1 << 16, len(NAMES)), dtype=np.int64)
    np.add.at(counts, (tokens, visemes), 1)
    return counts.argmax(axis=1)


def confusion(true: NDArray[np.int64], read: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(classes, classes): share of each true class that is read as each; a class that never comes is a row of zeros."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (true, read), 1)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _summary(rows: Sequence[Row], shape: NDArray[np.int64]) -> Table:
    """Of all frames, and of those with speech."""
    cells = []
    for name, speech_only in (("all frames", False), ("speech only", True)):
        found: dict[str, list[float]] = {"first": [], "top": [], "shape": [], "own": [], "chance": []}
        for row in rows:
            viseme, rank, true, read = (np.asarray(row[n]) for n in ("viseme", "rank", "true", "read"))
            here = viseme > 0 if speech_only else np.ones(len(viseme), dtype=bool)
            if not here.any():
                continue
            found["first"].append(100 * float((rank[here] == 0).mean()))
            found["top"].append(100 * float((rank[here] < TOP).mean()))
            found["shape"].append(100 * float((shape[read[here]] == viseme[here]).mean()))
            found["own"].append(100 * float((shape[true[here]] == viseme[here]).mean()))
            found["chance"].append(100 * float(np.bincount(true[here]).max() / here.sum()))
        cells.append((name, *(interval(values).text(" %") for values in found.values())))
    heads = (
        "of",
        "right",
        f"among the first {TOP}",
        "mouth shape right",
        "the same of the true tokens",
        "commonest token",
    )
    return Table("Tokens", heads, tuple(cells))


def _by_confidence(bins: NDArray[np.int64], rank: NDArray[np.int64], accuracy: Sequence[float]) -> Table:
    cells = []
    for number, right in enumerate(accuracy):
        here = bins == number
        if here.any():
            shares = (here.mean(), right, (rank[here] < TOP).mean())
            cells.append((f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}", *(f"{share:.1%}" for share in shares)))
    return Table("By confidence", ("confidence", "of the frames", "right", f"among the first {TOP}"), tuple(cells))


def _joined(rows: Sequence[Row], name: str) -> NDArray:
    return np.concatenate([np.asarray(row[name]) for row in rows])


def _nested(values: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in values)


def _percent(names: Sequence[str], values: NDArray[np.float64]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, *(f"{100 * v:.0f}" for v in row)) for name, row in zip(names, values, strict=True))
