"""Sound as the meters listen to it."""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import DataError
from imagintalk.rates import EAR_SAMPLE_RATE


def for_ears(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """(M,) at 16 kHz in [-1, 1] of samples (N,) at `rate` Hz. Raises DataError when they are empty or not finite."""
    if samples.ndim != 1 or len(samples) == 0:
        raise DataError(f"expected mono samples of one dimension, got shape {samples.shape}")
    if not np.isfinite(samples).all():
        raise DataError("expected finite samples, got NaN or infinity")
    sound = np.asarray(samples, dtype=np.float32)
    if rate != EAR_SAMPLE_RATE:
        sound = librosa.resample(sound, orig_sr=rate, target_sr=EAR_SAMPLE_RATE)
    return np.clip(sound, -1.0, 1.0)
