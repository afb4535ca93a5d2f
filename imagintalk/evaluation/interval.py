"""Mean of clips with its 95 % bootstrap interval (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A mean, and between what it would lie for 95 of 100 other draws of as many clips."""

    mean: float
    low: float
    high: float
    count: int
    """Of the values that are numbers."""

    def text(self, unit: str) -> str:
        """Such as `0.351 ± 0.012 dB`; the larger half where the interval is lopsided."""
        if not self.count:
            return "–"
        half = max(self.high - self.mean, self.mean - self.low)
        return f"{self.mean:.3g} ± {half:.2g}{unit}"


def interval(values: Sequence[float]) -> Interval:
    """Of the values that are not NaN; without any the mean is NaN."""
    known = np.asarray([value for value in values if not np.isnan(value)], dtype=np.float64)
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    drawn = np.random.default_rng(SEED).integers(len(known), size=(RESAMPLES, len(known)))
    low, high = np.percentile(known[drawn].mean(axis=1), [2.5, 97.5])
    return Interval(float(known.mean()), float(low), float(high), len(known))
