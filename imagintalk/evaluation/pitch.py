"""Pitch and energy of a recording, by Praat (Boersma 1993) through parselmouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import parselmouth
from numpy.typing import NDArray

from imagintalk.errors import DataError

FLOOR_HZ = 75.0
CEILING_HZ = 600.0
"""Praat's usual limits for speech; wide enough for angry women and sad men (our choice)."""
STEP_S = 0.01
FEWEST_VOICED = 10
"""Fewer voiced frames than this (0.1 s) have no mean worth telling."""


@dataclass(frozen=True)
class Prosody:
    """How high, how lively and how loud somebody speaks, over voiced frames only."""

    pitch_mean_hz: float
    pitch_range_semitones: float
    """From the 5th to the 95th percentile, so that an octave error of a few frames does not count."""
    energy_db: float
    """Mean level in dB, 0 the root mean square of a square wave at full scale."""


def pitch_of(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """(frames,) Hz every 10 ms, 0 where unvoiced, of samples (N,) in [-1, 1] at `rate` Hz.

    Empty when the recording is shorter than Praat's window of three periods.
    """
    return np.asarray(_track(samples, rate)[1], dtype=np.float64)


def measure_prosody(samples: NDArray[np.float32], rate: int) -> Prosody:
    """Prosody of samples (N,) in [-1, 1] at `rate` Hz. Raises DataError when almost nothing is voiced."""
    times, pitch = _track(samples, rate)
    voiced = pitch > 0
    if voiced.sum() < FEWEST_VOICED:
        raise DataError(f"expected at least {FEWEST_VOICED} voiced frames of speech, found {int(voiced.sum())}")
    heard = pitch[voiced]
    low, high = np.percentile(heard, [5, 95])
    return Prosody(
        pitch_mean_hz=float(heard.mean()),
        pitch_range_semitones=float(12 * np.log2(high / low)),
        energy_db=float(_levels(samples, rate, times[voiced]).mean()),
    )


def _track(samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(samples) < 3 * rate / FLOOR_HZ + 2:
        return np.zeros(0), np.zeros(0)
    sound = parselmouth.Sound(np.asarray(samples, dtype=np.float64), rate)
    pitch = sound.to_pitch_ac(time_step=STEP_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    return np.asarray(pitch.xs()), np.asarray(pitch.selected_array["frequency"])


def _levels(samples: NDArray[np.float32], rate: int, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """dB of the 40 ms (three periods of the lowest pitch) around each of `times` seconds."""
    power = np.concatenate([[0.0], np.cumsum(np.square(np.asarray(samples, dtype=np.float64)))])
    half = round(1.5 * rate / FLOOR_HZ)
    centre = np.round(times * rate).astype(int)
    start, end = np.clip(centre - half, 0, len(samples)), np.clip(centre + half, 0, len(samples))
    return 10 * np.log10((power[end] - power[start]) / (end - start) + 1e-12)
