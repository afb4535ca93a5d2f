"""Names the emotion in a voice, and says how alike two recordings feel. Ours.

A small network over `emotion_features`, trained on RAVDESS's train split as recorded, through the project's codec, and
by others of other sizes, through filters, in noise. Its weights carry RAVDESS's licence (CC BY-NC-SA 4.0). It has heard
two sentences only, acted; how far it can be trusted with others, its accuracy on actors that it does not know tells.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.evaluation.ears.emotion_features import FEATURES, emotion_features
from imagintalk.evaluation.ears.store import EMBEDDED, load_ear
from imagintalk.types import Emotion

NAME = "emotion"
WIDTH = 64
"""Of the embedding."""


class EmotionNetwork(nn.Module):
    """Features to an embedding of unit length, and cosines to one direction for each emotion."""

    SHARPNESS = 10.0
    """Factor of the cosines; the softmax of cosines alone could not be sure of anything."""
    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("spread", torch.ones(FEATURES))
        self.layers = nn.Sequential(
            nn.Dropout(0.15), nn.Linear(FEATURES, 192), nn.ReLU(), nn.Dropout(0.5), nn.Linear(192, WIDTH)
        )
        self.directions = nn.Linear(WIDTH, len(Emotion), bias=False)

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread of features (K, 237): what the layers see has mean 0 and spread 1."""
        self.mean.copy_(features.mean(dim=0))
        self.spread.copy_(features.std(dim=0).clamp_min(1e-6))

    def embed(self, features: Tensor) -> Tensor:
        """(K, 64) unit length, of features (K, 237)."""
        scaled = ((features - self.mean) / self.spread).clamp(-5, 5)
        return functional.normalize(self.layers(scaled), dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (K, 8) of features (K, 237)."""
        return self.SHARPNESS * functional.linear(
            self.embed(features), functional.normalize(self.directions.weight, dim=1)
        )


class EmotionEar:
    """The network with its weights."""

    def __init__(self, folder: Path = EMBEDDED) -> None:
        """Raises WeightsError when the folder does not hold its weights whole."""
        self._network = EmotionNetwork()
        self.facts = load_ear(NAME, self._network, folder)

    def classify(self, samples: NDArray[np.float32], rate: int) -> Emotion:
        """The emotion in samples (N,) in [-1, 1] at `rate` Hz. Raises DataError when there is no sound to speak of."""
        with torch.inference_mode():
            return Emotion(int(self._network(_features(samples, rate)).argmax()))

    def embed(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        """(64,) unit length; the cosine of two says how alike they feel. Raises DataError as `classify` does."""
        with torch.inference_mode():
            embedding: NDArray[np.float32] = self._network.embed(_features(samples, rate))[0].numpy()
        return embedding

    def direction(self, emotion: Emotion) -> NDArray[np.float32]:
        """(64,) unit length: the embedding that is most like an emotion."""
        with torch.inference_mode():
            towards: NDArray[np.float32] = functional.normalize(self._network.directions.weight, dim=1)[emotion].numpy()
        return towards


def _features(samples: NDArray[np.float32], rate: int) -> Tensor:
    return torch.from_numpy(emotion_features(samples, rate))[None]
