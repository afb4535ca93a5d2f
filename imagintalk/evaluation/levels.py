"""How loud speech is along time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagintalk.evaluation.pitch import STEP_S

QUIETEST_DB = -60.0
"""Frames below are as silent as silence: that one of two silences is 40 dB quieter is not heard."""


def levels(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """(frames,) dB every 10 ms of samples (N,) at `rate` Hz: 0 at full scale, not below `QUIETEST_DB`."""
    frame = round(STEP_S * rate)
    cut = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    return np.maximum(10 * np.log10(np.square(cut).mean(axis=1) + 1e-12), QUIETEST_DB)
