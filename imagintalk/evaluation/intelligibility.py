"""ESTOI (Jensen and Taal 2016): how much of one recording's speech can be understood in another of the same words."""

from __future__ import annotations

import warnings

import numpy as np
import pystoi
from numpy.typing import NDArray

from imagintalk.errors import DataError

LONGEST_CUT_S = 0.01
"""Two recordings of the same clip may end this far apart, from the rounding of rates; more is another clip."""


def estoi(true: NDArray[np.float32], other: NDArray[np.float32], rate: int) -> float:
    """ESTOI of `other` (M,) against `true` (N,), both at `rate` Hz and starting together: 1 is equal, 0 nothing left.

    The longer is cut to the shorter. Silence as `other` scores 0. Raises DataError when the lengths differ by more
    than 10 ms, or when `true` holds less speech than ESTOI can compare (30 frames, 0.4 s).
    """
    length = min(len(true), len(other))
    if max(len(true), len(other)) - length > LONGEST_CUT_S * rate:
        raise DataError(
            f"expected two recordings of one clip, within {LONGEST_CUT_S} s of each other; "
            f"got {len(true) / rate:.3f} s and {len(other) / rate:.3f} s"
        )
    if not np.any(true):
        raise DataError("expected speech in the true recording, got silence")
    if not np.any(other):  # pystoi would correlate with the noise that it adds against division by zero
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            found = pystoi.stoi(true[:length], other[:length], rate, extended=True)
        except (RuntimeWarning, ValueError):
            raise DataError(
                f"expected at least 0.4 s of speech in the true recording, got {length / rate:.2f} s"
            ) from None
    return max(0.0, float(found))
