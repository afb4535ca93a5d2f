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


def interval(values: Sequence[float], weights: Sequence[float] | None = None) -> Interval:
    """Of the values that are not NaN, each by its weight (None: all alike); without any the mean is NaN."""
    every = np.asarray(values, dtype=np.float64)
    there = ~np.isnan(every)
    known = every[there]
    heavy = np.ones(len(known)) if weights is None else np.asarray(weights, dtype=np.float64)[there]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    drawn = np.random.default_rng(SEED).integers(len(known), size=(RESAMPLES, len(known)))
    means = (known * heavy)[drawn].sum(axis=1) / heavy[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(np.average(known, weights=heavy)), float(low), float(high), len(known))
