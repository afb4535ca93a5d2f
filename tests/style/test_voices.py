"""Voices: the face's, a preset's, a recording's, and the recordings that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagintalk.errors import VoiceError, WeightsError
from imagintalk.rates import EAR_SAMPLE_RATE
from imagintalk.style.voices import PRESETS_FILE, Preset, load_presets, resolve_voice, save_presets, speech_seconds

RATE = 22_050


def unit(seed: int) -> np.ndarray:
    vector = np.abs(np.random.default_rng(seed).normal(size=256)).astype(np.float32)
    return vector / np.linalg.norm(vector)


def pitch_embed(samples: np.ndarray, rate: int) -> np.ndarray:
    """A stand-in for the speaker encoder: tells recordings apart by their strongest frequency."""
    assert rate == EAR_SAMPLE_RATE
    strongest = np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples)
    vector = np.zeros(256, dtype=np.float32)
    vector[round(strongest / 100)] = 1
    return vector


def preset(name: str, seed: int) -> Preset:
    return Preset(name, "a drawn voice", "CC0", tuple(map(float, unit(seed))))


def sung(path: Path, seconds: float, hertz: float = 300, loud: float = 0.3) -> Path:
    time = np.arange(round(seconds * RATE)) / RATE
    soundfile.write(path, loud * np.sin(2 * np.pi * hertz * time), RATE)
    return path


def test_presets_survive_a_round_trip(tmp_path: Path) -> None:
    save_presets(tmp_path, [preset("warm", 1), preset("bright", 2)])
    loaded = load_presets(tmp_path)
    assert list(loaded) == ["bright", "warm"] and loaded["warm"].licence == "CC0"
    np.testing.assert_allclose(loaded["warm"].c_id, unit(1), atol=1e-5)
    assert np.linalg.norm(loaded["warm"].c_id) == pytest.approx(1, abs=1e-6)


def test_a_model_without_presets_has_none(tmp_path: Path) -> None:
    assert load_presets(tmp_path) == {}


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "{}x",
        json.dumps([{"name": "a", "description": "", "licence": ""}]),
        json.dumps([{"name": "a", "description": "", "licence": "", "vector": [1.0, 2.0]}]),
        json.dumps([{"name": "a", "description": "", "licence": "", "vector": [0.0] * 256}]),
        json.dumps([{"name": "a", "description": "", "licence": "", "vector": [1.0] * 256, "sex": "f"}]),
    ],
)
def test_damaged_presets_are_named(content: str, tmp_path: Path) -> None:
    (tmp_path / PRESETS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(WeightsError, match=PRESETS_FILE):
        load_presets(tmp_path)


def test_auto_is_the_face(tmp_path: Path) -> None:
    face = unit(3)
    np.testing.assert_array_equal(resolve_voice("auto", face, {}, pitch_embed), face)
    with pytest.raises(VoiceError, match="name a voice"):
        resolve_voice("auto", None, {}, pitch_embed)


def test_a_preset_wins_over_a_file_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sung(tmp_path / "warm.wav", 2).rename(tmp_path / "warm")
    presets = {"warm": preset("warm", 1)}
    np.testing.assert_allclose(resolve_voice("warm", None, presets, pitch_embed), unit(1), atol=1e-6)
    assert resolve_voice("./warm", None, presets, pitch_embed)[3] == 1


def test_a_recording_is_embedded_at_the_ears_rate(tmp_path: Path) -> None:
    low = resolve_voice(str(sung(tmp_path / "low.wav", 1.5, 300)), None, {}, pitch_embed)
    high = resolve_voice(str(sung(tmp_path / "high.flac", 1.5, 1200)), None, {}, pitch_embed)
    assert low[3] == 1 and high[12] == 1


def test_unknown_voice_lists_the_presets() -> None:
    with pytest.raises(VoiceError, match="deep.*warm"):
        resolve_voice("nobody", None, {"warm": preset("warm", 1), "deep": preset("deep", 2)}, pitch_embed)


def test_recordings_that_are_no_voice(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound", encoding="utf-8")
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE * 3), RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    for name, reason in (
        ("text.wav", "text.wav"),
        ("silent.wav", "silent.wav.*silent"),
        ("empty.wav", "empty.wav"),
        (sung(tmp_path / "short.wav", 0.5).name, "short.wav.*at least 1 s.*got 0.5 s"),
    ):
        with pytest.raises(VoiceError, match=reason):
            resolve_voice(str(tmp_path / name), None, {}, pitch_embed)


def test_the_encoders_own_complaint_names_the_file(tmp_path: Path) -> None:
    def refuse(samples: np.ndarray, rate: int) -> np.ndarray:
        raise VoiceError("expected a voice, found a hum")

    with pytest.raises(VoiceError, match="hum.wav.*found a hum"):
        resolve_voice(str(sung(tmp_path / "hum.wav", 2)), None, {}, refuse)


def test_speech_is_counted_without_its_pauses() -> None:
    rng = np.random.default_rng(0)
    talk = rng.normal(scale=0.1, size=EAR_SAMPLE_RATE)
    pause = rng.normal(scale=1e-4, size=3 * EAR_SAMPLE_RATE)
    samples = np.concatenate([pause, talk, pause]).astype(np.float32)
    assert speech_seconds(samples) == pytest.approx(1.0, abs=0.05)
    assert speech_seconds(np.zeros(5, dtype=np.float32)) == 0


def test_real_recordings_count_their_speech(shared_data: Path) -> None:
    from imagintalk.media.audio import read_audio

    path = sorted((shared_data / "ravdess").glob("*-01.opus"))[0]
    assert 1.0 < speech_seconds(read_audio(path, EAR_SAMPLE_RATE)) < 3.0
