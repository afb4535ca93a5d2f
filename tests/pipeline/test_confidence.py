"""Warnings about clips that the model does not know."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.dubbing.confidence import confidence, content_warnings
from imagintalk.types import ContentTokens


def content(similarity: float, probability: float, masked: float = 0.0) -> ContentTokens:
    ids = np.zeros(100, np.int64)
    level = np.full(100, 1.0, np.float32)
    return ContentTokens(
        ids,
        similarity * level,
        np.arange(100) < 100 * masked,
        ids,
        probability * level,
        np.eye(1, dtype=np.float32)[ids],
        np.zeros((100, 4), np.float32),
    )


def test_a_familiar_clip_is_not_warned_of() -> None:
    assert content_warnings(content(0.85, 0.7)) == ()
    assert confidence(content(0.85, 0.7)) == pytest.approx(0.7)


@pytest.mark.parametrize(("similarity", "probability"), [(0.6, 0.7), (0.85, 0.3)])
def test_unknown_lips_are_warned_of_once(similarity: float, probability: float) -> None:
    (told,) = content_warnings(content(similarity, probability))
    assert "unlike those that the model knows" in told


def test_guessed_speech_is_warned_of() -> None:
    (told,) = content_warnings(content(0.85, 0.7, masked=0.95))
    assert told.startswith("95% of what was read")
