"""Pitch of a recording, the target that the inverse-STFT decoder's own reading is trained on."""

from __future__ import annotations

import numpy as np
import parselmouth
from numpy.typing import NDArray

from imagintalk.codec.spectral_decoder import HIGHEST_HZ, LOWEST_HZ, SUBFRAMES
from imagintalk.rates import SAMPLE_RATE, SAMPLES_PER_TOKEN, exact_ratio

HOP = exact_ratio(SAMPLES_PER_TOKEN, SUBFRAMES)
FLOOR_HZ, CEILING_HZ = LOWEST_HZ + 5, HIGHEST_HZ - 10
"""What Praat searches: within the decoder's bins."""


def pitch_track(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N / 240,) Hz at 100 Hz, 0 where unvoiced, of samples (N,) at 24 kHz, by Praat's autocorrelation."""
    frames = len(samples) // HOP
    edge = SAMPLE_RATE // 20  # Praat leaves out the first and last window
    sound = parselmouth.Sound(np.pad(samples, edge).astype(np.float64), SAMPLE_RATE)
    pitch = sound.to_pitch_ac(time_step=HOP / SAMPLE_RATE, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
    times = pitch.xs()
    values = pitch.selected_array["frequency"]
    wanted = (np.arange(frames) + 0.5) * HOP / SAMPLE_RATE + edge / SAMPLE_RATE
    nearest = np.clip(np.round((wanted - times[0]) / (HOP / SAMPLE_RATE)).astype(int), 0, len(times) - 1)
    return values[nearest].astype(np.float32)
