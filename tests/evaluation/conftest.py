"""An ear for emotions that is taught in a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from imagintalk.evaluation.ears.emotion import EmotionEar, EmotionNetwork
from imagintalk.evaluation.ears.emotion_features import emotion_features
from imagintalk.evaluation.ears.store import save_ear
from imagintalk.types import Emotion, Speech

Teach = Callable[[Sequence[tuple[Emotion, Speech]]], EmotionEar]


@pytest.fixture
def teach(tmp_path: Path) -> Teach:
    """Gives an ear that has learnt the takes given."""

    def ear_of(takes: Sequence[tuple[Emotion, Speech]]) -> EmotionEar:
        torch.manual_seed(0)
        features = torch.from_numpy(np.stack([emotion_features(t.samples, t.rate) for _, t in takes]))
        truth = torch.tensor([int(emotion) for emotion, _ in takes])
        network = EmotionNetwork()
        network.scale_to(features)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(150):
            optimizer.zero_grad()
            functional.cross_entropy(network(features), truth).backward()
            optimizer.step()
        save_ear("emotion", network, {}, tmp_path / "ears")
        return EmotionEar(tmp_path / "ears")

    return ear_of
