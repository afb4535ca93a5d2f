"""DNSMOS (Reddy, Gopal, Cutler 2022) and its P.808 model: what listeners would say of the sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from speechmos import dnsmos

from imagintalk.evaluation.ear import for_ears
from imagintalk.rates import EAR_SAMPLE_RATE


@dataclass(frozen=True)
class Naturalness:
    """Mean opinion scores, 1 bad to 5 excellent. speechmos repeats recordings shorter than 9 s to that length."""

    overall: float
    signal: float
    background: float
    p808: float


def dnsmos_of(samples: NDArray[np.float32], rate: int) -> Naturalness:
    """Scores of samples (N,) in [-1, 1] at `rate` Hz. Raises DataError when they are empty or not finite."""
    scores = dnsmos.run(for_ears(samples, rate), EAR_SAMPLE_RATE)
    return Naturalness(
        overall=float(scores["ovrl_mos"]),
        signal=float(scores["sig_mos"]),
        background=float(scores["bak_mos"]),
        p808=float(scores["p808_mos"]),
    )
