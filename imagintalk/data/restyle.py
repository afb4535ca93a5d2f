"""A recording said in another manner: other pitch, range, loudness or vocal tract, the same words at the same times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import parselmouth
from numpy.typing import NDArray
from parselmouth.praat import call

from imagintalk.data.pitch import CEILING_HZ, FLOOR_HZ
from imagintalk.errors import DataError

SPOKEN_HZ = (70.0, 500.0)
"""The median pitch never leaves what people speak at."""


@dataclass(frozen=True)
class Manner:
    """What changes."""

    tract: float = 1.0
    """Factor of all formants: above 1 a shorter vocal tract."""
    semitones: float = 0.0
    """Of the median pitch."""
    liveliness: float = 1.0
    """Factor of all pitch movements, in Hz around the median as Praat has it."""
    decibels: float = 0.0


def restyle(samples: NDArray[np.float32], rate: int, pitch: NDArray[np.float32], manner: Manner) -> NDArray[np.float32]:
    """Samples (N,) at `rate` Hz in another manner, (N,), by overlap-add (Praat's `Change gender`).

    pitch: (frames,) Hz of the samples, 0 where unvoiced; a recording without voice only changes its loudness.
    Raises DataError where Praat finds no pitch to change.
    """
    made = samples
    voiced = pitch[pitch > 0]
    if len(voiced):
        median = float(np.clip(np.median(voiced) * 2 ** (manner.semitones / 12), *SPOKEN_HZ))
        sound = parselmouth.Sound(samples.astype(np.float64), rate)
        try:
            changed = call(sound, "Change gender", FLOOR_HZ, CEILING_HZ, manner.tract, median, manner.liveliness, 1.0)
        except parselmouth.PraatError as error:
            raise DataError(f"expected speech whose pitch can be changed: {str(error).splitlines()[0]}") from None
        made = np.zeros_like(samples)
        count = min(len(samples), changed.values.shape[1])
        made[:count] = changed.values[0, :count]
        # Praat gives every sound it changes the same peak.
        made *= _level(samples) / max(_level(made), 1e-9)
    return made * np.float32(10 ** (manner.decibels / 20))


def _level(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
