"""Is the speech exactly as long as the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.media.probe import probe
from imagintalk.rates import samples_of
from imagintalk.types import Notify, Progress, Speech


def length_row(clips: Sequence[Path], speak: Callable[[Path], Speech], limit: int | None, notify: Notify) -> Result:
    """Share of clips whose speech has round(d * 24000) samples, d the duration of the picture."""
    chosen = evenly(clips, limit)
    rows: list[dict[str, float | str]] = []
    for count, clip in enumerate(chosen, 1):
        expected = samples_of(probe(clip).duration_s)
        got, failure = attempt(lambda c=clip: len(speak(c).samples), 0, clip)  # type: ignore[misc]
        rows.append({"clip": clip.stem, "expected samples": expected, "samples": got, "failure": failure})
        notify(Progress("lengths", count / len(chosen)))
    exact = float(np.mean([r["expected samples"] == r["samples"] for r in rows]))
    return Result(
        what="length",
        figures=(Figure("exact to the sample", 100 * exact, 100.0, 100.0, " %"),),
        clips=len(chosen),
        available=len(clips),
        per_clip=tuple(rows),
    )
