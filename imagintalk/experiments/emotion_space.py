"""Where the emotion of a voice lies: linear discriminants of the emotion features, learnt on RAVDESS's train split.

Two recordings are alike in emotion when their places point the same way from the middle of all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from imagintalk.data.recording import Recording
from imagintalk.evaluation.emotion import emotion_features, emotions_of, features_of
from imagintalk.types import Emotion


class EmotionSpace:
    """Seven directions that tell eight emotions apart."""

    def __init__(self, features: NDArray[np.float32], emotions: NDArray[np.int64]) -> None:
        """Of features (K, 237) and their emotions (K,), all eight among them."""
        discriminants = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
        self._model = make_pipeline(StandardScaler(), discriminants).fit(features, emotions)
        places = self._model.transform(features)
        self._middle = places.mean(axis=0)
        self.middles = {e: self._unit(places[emotions == e].mean(axis=0)) for e in Emotion}
        """Of each emotion (7,), unit length."""

    def place(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        """(7,) unit length, of samples (N,) in [-1, 1] at `rate` Hz. Raises DataError without sound to speak of."""
        return self._unit(self._model.transform(emotion_features(samples, rate)[None])[0])

    def _unit(self, place: NDArray[np.float64]) -> NDArray[np.float32]:
        direction = place - self._middle
        return (direction / np.linalg.norm(direction)).astype(np.float32)


def learn_emotion_space(recordings: list[Recording], cache: Path) -> EmotionSpace:
    """From RAVDESS's train split; the features are kept in the folder `cache`."""
    train = [r for r in recordings if r.split == "train"]
    cache.mkdir(parents=True, exist_ok=True)
    return EmotionSpace(features_of(train, cache, lambda progress: None), emotions_of(train))
