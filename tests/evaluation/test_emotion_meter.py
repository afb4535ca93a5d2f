from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagintalk.data.ravdess import read_ravdess
from imagintalk.errors import DataError
from imagintalk.evaluation.ears.accuracy import ear_accuracy
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.ears.emotion_features import FEATURES, emotion_features
from imagintalk.evaluation.emotion_order import clear_signs, directions, expected_signs
from imagintalk.evaluation.pitch import Prosody
from imagintalk.evaluation.subset import evenly
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Emotion, Speech


def voice(emotion: Emotion, seed: int) -> np.ndarray:
    """A buzz whose pitch stands for the emotion, with some noise."""
    chance = np.random.default_rng(seed)
    hertz = 100 * 2 ** (emotion / 4) * (1 + 0.02 * chance.standard_normal())
    phase = 2 * np.pi * hertz * np.arange(SAMPLE_RATE) / SAMPLE_RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 11))
    return (0.2 * wave + 0.005 * chance.standard_normal(len(phase))).astype(np.float32)


def takes(seeds: range) -> list[tuple[Emotion, Speech]]:
    return [(e, Speech(voice(e, 10 * seed + e), SAMPLE_RATE)) for e in Emotion for seed in seeds]


def test_it_learns_what_it_is_shown(teach: Callable[[list[tuple[Emotion, Speech]]], EmotionEar]) -> None:
    ear = teach(takes(range(3)))
    named = [ear.classify(take.samples, take.rate) == emotion for emotion, take in takes(range(5, 7))]
    assert np.mean(named) >= 0.8
    one, same, other = (
        ear.embed(voice(e, seed), SAMPLE_RATE) for e, seed in ((Emotion.SAD, 7), (Emotion.SAD, 8), (Emotion.ANGRY, 9))
    )
    assert one.shape == (64,) and np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert one @ same > one @ other


def test_loudness_is_no_emotion() -> None:
    samples = voice(Emotion.HAPPY, 0)
    loud, soft = emotion_features(samples, SAMPLE_RATE), emotion_features(0.05 * samples, SAMPLE_RATE)
    np.testing.assert_allclose(soft, loud, rtol=0.02, atol=0.02)


def test_features_have_one_size_and_are_finite() -> None:
    whisper = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    found = [emotion_features(samples, SAMPLE_RATE) for samples in (whisper, voice(Emotion.SAD, 0), whisper[:9000])]
    assert {f.shape for f in found} == {(FEATURES,)}
    assert np.isfinite(found).all()


@pytest.mark.parametrize("samples", [np.zeros(SAMPLE_RATE, np.float32), voice(Emotion.CALM, 0)[:2000]])
def test_no_sound_no_emotion(samples: np.ndarray) -> None:
    with pytest.raises(DataError):
        emotion_features(samples, SAMPLE_RATE)


def test_it_names_actors_emotions(shared_data: Path) -> None:
    """On every third recording of the test split, for time."""
    test = evenly([r for r in read_ravdess(shared_data / "ravdess") if r.split == "test"], 48)
    found = ear_accuracy(EmotionEar(), test, lambda samples: samples, lambda _: None)
    assert found.clips == 48 and found.recorded == found.coded
    assert found.recorded >= 60
    assert "of 48 RAVDESS recordings" in found.text


def test_recordings_without_an_emotion_tell_nothing_of_the_ear() -> None:
    with pytest.raises(DataError, match="with an emotion"):
        ear_accuracy(EmotionEar(), [], lambda samples: samples, lambda _: None)


def test_directions_are_means_of_differences_within_a_group() -> None:
    low, high = Prosody(100, 4, -30), Prosody(200, 4, -30)
    up = Prosody(10, 1, 5)

    def raised(p: Prosody) -> Prosody:
        return Prosody(
            p.pitch_mean_hz + up.pitch_mean_hz,
            p.pitch_range_semitones + up.pitch_range_semitones,
            p.energy_db + up.energy_db,
        )

    groups = [{Emotion.NEUTRAL: p, Emotion.ANGRY: raised(p)} for p in (low, high)]
    assert directions(groups)["pitch_mean_hz", Emotion.ANGRY] == pytest.approx(10)
    assert clear_signs(groups)["energy_db", Emotion.ANGRY] == 1
    assert set(clear_signs(groups)) == {key for key in expected_signs() if key[1] is Emotion.ANGRY}


def test_unclear_directions_have_no_sign() -> None:
    base = Prosody(100, 4, -30)
    groups = [{Emotion.NEUTRAL: base, Emotion.SAD: Prosody(100 + d, 4 + d, -30 + d)} for d in (-1, 1, -1, 1.5)]
    assert clear_signs(groups) == {}
