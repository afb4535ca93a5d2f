"""How the error detector's threshold changes what comes out (the paper fixes it at 0.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import compare, summarise
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.table import Table
from imagintalk.types import Notify, Speech

SpeakAt = Callable[[Recording, float], tuple[Speech, float]]
"""(clip, threshold) to speech and the share of its tokens that counted as misaligned."""


@dataclass(frozen=True)
class Sensitivity:
    """What one threshold gives."""

    threshold: float
    masked: float
    """Share of tokens refilled, mean over the clips that could be dubbed."""
    points_above: float
    """Word error rate above the recordings', in points."""
    estoi: float


def threshold_sensitivity(
    recordings: Sequence[Recording],
    thresholds: Sequence[float],
    speak: SpeakAt,
    recognisers: Mapping[str, Recogniser],
    notify: Notify,
) -> list[Sensitivity]:
    """Measure the same clips once for each threshold, in the order given, as the first recogniser hears them."""
    found = []
    for threshold in thresholds:
        masked: list[float] = []

        def speak_here(recording: Recording, threshold: float = threshold, masked: list[float] = masked) -> Speech:
            speech, share = speak(recording, threshold)
            masked.append(share)
            return speech

        clips = compare(recordings, speak_here, recognisers, f"threshold {threshold:g}", notify)
        summary = summarise(clips, next(iter(recognisers)))
        share = float(np.mean(masked)) if masked else float("nan")
        found.append(Sensitivity(threshold, share, summary.points_above, summary.estoi))
    return found


def sensitivity_table(found: Sequence[Sensitivity], clips: int) -> Table:
    """One row a threshold."""
    rows = tuple((f"{s.threshold:g}", f"{s.masked:.1%}", f"{s.points_above:.1f}", f"{s.estoi:.3f}") for s in found)
    columns = ("threshold", "tokens refilled", "WER above the recordings', points", "ESTOI")
    return Table(f"Threshold of the error detector, {clips} clips", columns, rows)
