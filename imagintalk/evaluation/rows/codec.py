"""How much the codec alone loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.recording import Recording
from imagintalk.evaluation.comparison import true_sound
from imagintalk.evaluation.intelligibility import estoi
from imagintalk.evaluation.naturalness import dnsmos_of
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.subset import evenly
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress

Resynthesise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Samples (N,) at 24 kHz through the codec and back, (N,)."""


def codec_row(recordings: Sequence[Recording], resynthesise: Resynthesise, limit: int | None, notify: Notify) -> Result:
    """ESTOI of the resynthesis against the recording, and the DNSMOS (overall) that is lost."""
    chosen = evenly(recordings, limit)
    found: dict[str, list[float]] = {"ESTOI": [], "DNSMOS of the recording": [], "DNSMOS": []}
    for count, recording in enumerate(chosen, 1):
        true = true_sound(recording)
        made = resynthesise(true)
        found["ESTOI"].append(estoi(true, made, SAMPLE_RATE))
        found["DNSMOS of the recording"].append(dnsmos_of(true, SAMPLE_RATE).overall)
        found["DNSMOS"].append(dnsmos_of(made, SAMPLE_RATE).overall)
        notify(Progress("codec", count / len(chosen)))
    intelligible, before, after = (float(np.mean(values)) for values in found.values())
    return Result(
        what="codec alone, GRID",
        figures=(
            Figure("ESTOI", intelligible, 0.80, 0.90),
            Figure("DNSMOS lost", before - after, 0.4, 0.15, small_is_good=True),
        ),
        clips=len(chosen),
        available=len(recordings),
        per_clip=tuple({"clip": r.stem} | {name: found[name][i] for name in found} for i, r in enumerate(chosen)),
        notes=(f"DNSMOS of the recordings {before:.2f}, after the codec {after:.2f}",),
    )
