"""Names the emotion in a voice: statistics of spectrum and pitch over the recording, and a support vector machine.

Our own meter, trained on RAVDESS's train split; RAVDESS's licence (CC BY-NC-SA 4.0) covers what is kept of it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.ear import for_ears
from imagintalk.evaluation.pitch import pitch_of
from imagintalk.media.audio import read_audio
from imagintalk.media.files import whole_file
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE
from imagintalk.types import Emotion, Notify, Progress

FEATURES_VERSION = 2
"""Raise it when `emotion_features` changes, so that kept features are made anew."""

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


class EmotionClassifier:
    """Eight classes.

    Measured: 79 % of RAVDESS's test split (82 % of the actors that it knows), 60 % of the two actors that it does not.
    """

    def __init__(self, features: NDArray[np.float32], emotions: NDArray[np.int64]) -> None:
        """Trained on features (K, 237) and their emotions (K,). Raises DataError unless all eight classes are there."""
        missing = [e.word for e in Emotion if e not in emotions]
        if missing:
            raise DataError(f"expected recordings of all eight emotions to train on, missing {', '.join(missing)}")
        self._model = make_pipeline(StandardScaler(), SVC(C=10.0)).fit(features, emotions)

    def classify(self, samples: NDArray[np.float32], rate: int) -> Emotion:
        """The emotion in samples (N,) in [-1, 1] at `rate` Hz. Raises DataError when there is no sound to speak of."""
        return self.classify_features(emotion_features(samples, rate)[None])[0]

    def classify_features(self, features: NDArray[np.float32]) -> list[Emotion]:
        """The emotion of each row of features (K, 237)."""
        return [Emotion(int(value)) for value in self._model.predict(features)]


def train_classifier(recordings: list[Recording], cache: Path, notify: Notify) -> EmotionClassifier:
    """Train on the train split of RAVDESS's recordings; the features are kept in the folder `cache`.

    Only features are kept, never the fitted model: fitting takes a second, and a model file would have to be unpickled.
    """
    train = [r for r in recordings if r.split == "train"]
    return EmotionClassifier(features_of(train, cache, notify), emotions_of(train))


def accuracy(classifier: EmotionClassifier, recordings: list[Recording], cache: Path, notify: Notify) -> float:
    """Share of the recordings whose emotion is named right; their features are kept in the folder `cache`."""
    named = classifier.classify_features(features_of(recordings, cache, notify))
    return float(np.mean(np.asarray(named) == emotions_of(recordings)))


def emotions_of(recordings: list[Recording]) -> NDArray[np.int64]:
    """(K,) labels. Raises DataError for a recording without one."""
    unlabelled = [str(r.path) for r in recordings if r.emotion is None]
    if unlabelled:
        raise DataError(f"{unlabelled[0]}: expected a recording with an emotion label, as RAVDESS has")
    return np.asarray([r.emotion for r in recordings], dtype=np.int64)


def features_of(recordings: list[Recording], cache: Path, notify: Notify) -> NDArray[np.float32]:
    """(K, 237), computed once for the same files."""
    kept = cache / f"emotion-features-{_key(recordings)}.npy"
    if kept.is_file():
        return np.asarray(np.load(kept))
    if not recordings:
        raise DataError("expected recordings with emotions, got none")
    rows = []
    for count, recording in enumerate(recordings, 1):
        rows.append(emotion_features(read_audio(recording.sound, SAMPLE_RATE), SAMPLE_RATE))
        notify(Progress("listening to emotions", count / len(recordings)))
    features = np.stack(rows)
    cache.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, features)
    with whole_file(kept) as partial:
        partial.write_bytes(buffer.getvalue())
    return features


def _key(recordings: list[Recording]) -> str:
    files = "".join(f"{r.stem} {r.sound.stat().st_size}\n" for r in recordings)
    return hashlib.sha256(f"{FEATURES_VERSION}\n{files}".encode()).hexdigest()[:16]
