"""What an ear for emotions hears: statistics of spectrum, level, pitch and rhythm over a recording. Ours."""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import DataError
from imagintalk.evaluation.ear import for_ears
from imagintalk.evaluation.pitch import pitch_of
from imagintalk.rates import EAR_SAMPLE_RATE

FEATURES = 237

_HOP = EAR_SAMPLE_RATE // 100
_WINDOW = EAR_SAMPLE_RATE // 40
_QUIET_DB = 35.0
"""Frames this far under the loudest are silence; the recording is trimmed of them at both ends."""
_QUIETEST = 1e-5
"""Root mean square of the loudest frame below which there is only silence."""
_FEWEST_FRAMES = 20
"""The slopes need a few frames to each side."""


def emotion_features(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """(237,) float32 of samples (N,) in [-1, 1] at `rate` Hz. Raises DataError when there is no sound to speak of."""
    sound = for_ears(samples, rate)
    level = librosa.feature.rms(y=sound, frame_length=_WINDOW, hop_length=_HOP)[0]
    loudest = level.max()
    decibels = 20 * np.log10(level / max(loudest, _QUIETEST) + 1e-9)
    loud = np.flatnonzero(decibels > -_QUIET_DB)
    if loudest < _QUIETEST or loud[-1] + 1 - loud[0] < _FEWEST_FRAMES:
        raise DataError(f"expected {_FEWEST_FRAMES / 100} s of audible speech or more, got {len(samples) / rate:.2f} s")
    start, end = int(loud[0]), int(loud[-1]) + 1
    # How loud the recording is tells of its microphone: with the level kept, all of GRID is called fearful.
    sound = sound / loudest
    magnitude = np.abs(librosa.stft(sound, n_fft=512, win_length=_WINDOW, hop_length=_HOP))[:, start:end]
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=EAR_SAMPLE_RATE, n_mels=64, fmax=8000)
    cepstrum = librosa.feature.mfcc(S=librosa.power_to_db(mel, ref=1.0, top_db=None), n_mfcc=30)
    slopes = [librosa.feature.delta(cepstrum, width=5, order=order).std(axis=1) for order in (1, 2)]
    shape = np.stack(
        [
            librosa.feature.spectral_centroid(S=magnitude, sr=EAR_SAMPLE_RATE)[0],
            librosa.feature.spectral_bandwidth(S=magnitude, sr=EAR_SAMPLE_RATE)[0],
            librosa.feature.spectral_rolloff(S=magnitude, sr=EAR_SAMPLE_RATE)[0],
            librosa.feature.spectral_flatness(S=magnitude)[0],
            decibels[start:end],
        ]
    )
    # The highest band ends at 8 kHz, where its valley is only what resampling leaves: rounding noise.
    contrast = librosa.feature.spectral_contrast(S=magnitude, sr=EAR_SAMPLE_RATE)[:-1]
    rhythm = [(end - start) / 100, len(loud) / (end - start)]
    parts = [_spread(cepstrum), *slopes, _spread(shape), _spread(contrast), _melody(sound, end - start), rhythm]
    return np.concatenate(parts).astype(np.float32)


def _spread(tracks: NDArray[np.floating]) -> NDArray[np.floating]:
    """(4 D,) mean, deviation, 10th and 90th percentile of tracks (D, frames)."""
    tenth, ninetieth = np.percentile(tracks, [10, 90], axis=1)
    return np.concatenate([tracks.mean(axis=1), tracks.std(axis=1), tenth, ninetieth])


def _melody(sound: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    """(11,) of the voiced frames' pitch in semitones above 55 Hz; zeros when nothing is voiced."""
    pitch = pitch_of(sound, EAR_SAMPLE_RATE)
    voiced = pitch[pitch > 0]
    if len(voiced) < 5:
        return np.zeros(11)
    semitones = 12 * np.log2(voiced / 55)
    rise = np.polyfit(np.linspace(0, 1, len(semitones)), semitones, 1)[0]
    jumps = np.abs(np.diff(semitones)).mean()
    percentiles = np.percentile(semitones, [5, 25, 50, 75, 95])
    rest = [semitones.mean(), semitones.std(), np.ptp(semitones), jumps, rise, len(voiced) / frames]
    return np.concatenate([percentiles, rest])
