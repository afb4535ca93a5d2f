"""The emotion track: what is asked for, what the face shows, and how the two options go wrong."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.errors import OptionError
from imagintalk.style.emotion import check_emotion, emotion_track
from imagintalk.types import Emotion


def face_track(*labels: Emotion) -> np.ndarray:
    return np.eye(8, dtype=np.float32)[list(labels)]


@pytest.mark.parametrize("emotion", list(Emotion))
@pytest.mark.parametrize("intensity", [0.0, 0.3, 1.0])
def test_named_emotion_mixes_with_neutral(emotion: Emotion, intensity: float) -> None:
    track = emotion_track([(0.0, emotion.word, intensity)], 10, None)
    assert track.shape == (10, 8) and track.dtype == np.float32
    np.testing.assert_allclose(track.sum(axis=1), 1, atol=1e-6)
    expected = 1.0 if emotion is Emotion.NEUTRAL else intensity
    np.testing.assert_allclose(track[:, emotion], expected, atol=1e-6)


def test_auto_is_the_face_and_its_intensity_scales_it() -> None:
    face = face_track(Emotion.SAD, Emotion.SAD, Emotion.HAPPY)
    np.testing.assert_array_equal(emotion_track([(0.0, "auto", 1.0)], 3, face), face)
    half = emotion_track([(0.0, "auto", 0.5)], 3, face)
    np.testing.assert_allclose(half[:, Emotion.SAD], [0.5, 0.5, 0])
    np.testing.assert_allclose(half[:, Emotion.NEUTRAL], 0.5)
    np.testing.assert_array_equal(face, face_track(Emotion.SAD, Emotion.SAD, Emotion.HAPPY))


def test_between_keys_the_track_is_linear_and_outside_it_stays() -> None:
    keys = [(0.05, "sad", 1.0), (0.15, "happy", 0.5)]
    track = emotion_track(keys, 10, None)  # instants 0.01, 0.03, ... 0.19 s
    share = np.clip((np.arange(10) * 0.02 + 0.01 - 0.05) / 0.1, 0, 1)
    np.testing.assert_allclose(track[:, Emotion.SAD], 1 - share, atol=1e-6)
    np.testing.assert_allclose(track[:, Emotion.HAPPY], 0.5 * share, atol=1e-6)
    np.testing.assert_allclose(track.sum(axis=1), 1, atol=1e-6)


def test_a_key_may_hand_over_to_the_face() -> None:
    face = face_track(*[Emotion.ANGRY] * 10)
    track = emotion_track([(0.0, "calm", 1.0), (0.1, "auto", 1.0)], 10, face)
    np.testing.assert_allclose(track[:, Emotion.ANGRY] + track[:, Emotion.CALM], 1, atol=1e-6)
    np.testing.assert_allclose(track[5:], face[5:], atol=1e-6)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([(0.0, "sad", 1.0), (0.0, "happy", 1.0)], "increase, got 0 s after 0 s"),
        ([(float("nan"), "sad", 1.0)], "not finite"),
        ([(0.0, "sad", 1.0), (1.0, "bored", 1.0)], "'bored'"),
    ],
)
def test_senseless_keys_are_told(keys: list[tuple[float, str, float]], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        emotion_track(keys, 10, None)


def test_a_face_track_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 8\)"):
        emotion_track([(0.0, "auto", 1.0)], 4, face_track(Emotion.SAD))


def test_unknown_emotion_lists_the_known_words() -> None:
    with pytest.raises(OptionError) as error:
        check_emotion("bored", 1.0)
    assert all(emotion.word in str(error.value) for emotion in Emotion) and "'bored'" in str(error.value)


@pytest.mark.parametrize("intensity", [-0.01, 1.01, float("nan")])
def test_intensity_outside_its_range(intensity: float) -> None:
    with pytest.raises(OptionError, match="from 0 to 1"):
        emotion_track([(0.0, "sad", intensity)], 10, None)


def test_auto_without_a_face() -> None:
    with pytest.raises(OptionError, match="name an emotion"):
        emotion_track([(0.0, "auto", 1.0)], 10, None)
