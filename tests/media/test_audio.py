"""Sound comes out mono, at the wanted rate, and in sync with the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from coded_video import MakeVideo, steady

from imagintalk.errors import ClipError, OutputError
from imagintalk.media.audio import read_audio, write_wav
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE
from imagintalk.types import Speech


def clicks(rate: int, seconds: float, *at: float) -> np.ndarray:
    """Silence with short beeps of 1 kHz at some times."""
    sound = np.zeros(round(rate * seconds), np.float32)
    beep = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate // 100) / rate)
    for time in at:
        start = round(time * rate)
        sound[start : start + len(beep)] = beep
    return sound


def first_sound(samples: np.ndarray, rate: int) -> float:
    return int(np.flatnonzero(np.abs(samples) > 0.2)[0]) / rate


@pytest.mark.parametrize("rate", [SAMPLE_RATE, EAR_SAMPLE_RATE, 44_100])
@pytest.mark.parametrize("source", [SAMPLE_RATE, EAR_SAMPLE_RATE, 44_100])
def test_length_and_level_survive_any_change_of_rate(tmp_path: Path, source: int, rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(source) / source)
    soundfile.write(tmp_path / "x.wav", tone, source)
    samples = read_audio(tmp_path / "x.wav", rate)
    assert samples.dtype == np.float32
    assert abs(len(samples) - rate) <= 1
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(samples)) / rate)
    assert np.abs(samples - wanted)[rate // 50 : -rate // 50].max() < 0.01


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_channels_are_averaged(tmp_path: Path, suffix: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    soundfile.write(tmp_path / f"x.{suffix}", np.stack([tone, 0.5 * tone], axis=1), SAMPLE_RATE)
    samples = read_audio(tmp_path / f"x.{suffix}", SAMPLE_RATE)
    assert np.abs(samples[1000:20_000] - 0.75 * tone[1000:20_000]).max() < 0.02


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE"])
def test_sample_formats_have_the_same_level(tmp_path: Path, subtype: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2400) / SAMPLE_RATE)
    soundfile.write(tmp_path / "x.wav", tone, SAMPLE_RATE, subtype=subtype)
    assert np.abs(read_audio(tmp_path / "x.wav", SAMPLE_RATE) - tone).max() < 0.01


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    speech = np.random.default_rng(0).uniform(-1.2, 1.2, 12_345).astype(np.float32)
    write_wav(tmp_path / "x.wav", Speech(speech, SAMPLE_RATE))
    facts = soundfile.info(tmp_path / "x.wav")
    assert (facts.samplerate, facts.channels, facts.subtype, facts.frames) == (SAMPLE_RATE, 1, "PCM_16", 12_345)
    assert np.abs(read_audio(tmp_path / "x.wav", SAMPLE_RATE) - np.clip(speech, -1, 1)).max() < 1e-4


def test_a_range_is_a_part_of_the_whole_and_exact(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * SAMPLE_RATE).astype(np.float32)
    write_wav(tmp_path / "x.wav", Speech(noise, SAMPLE_RATE))
    whole = read_audio(tmp_path / "x.wav", SAMPLE_RATE)
    for start, end in ((0.0, 0.5), (1.25, 2.0), (7.001, 9.999), (9.5, 11.0)):
        part = read_audio(tmp_path / "x.wav", SAMPLE_RATE, start, end)
        expected = whole[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        assert len(part) == round((Fraction(end) - Fraction(start)) * SAMPLE_RATE)
        assert np.array_equal(part[: len(expected)], expected)
        assert not part[len(expected) :].any()
    assert np.array_equal(read_audio(tmp_path / "x.wav", SAMPLE_RATE, 9.0), whole[9 * SAMPLE_RATE :])


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("picture_at", [0.0, 0.48])
def test_time_zero_is_the_first_picture(make_video: MakeVideo, suffix: str, picture_at: float) -> None:
    path = make_video(
        f"v.{suffix}",
        *steady(100, 25, Fraction(picture_at).limit_denominator(100)),
        sound=clicks(48_000, 4.4, 1.0, 3.5),
    )
    assert abs(first_sound(read_audio(path, SAMPLE_RATE), SAMPLE_RATE) - (1.0 - picture_at)) < 0.004
    late = read_audio(path, SAMPLE_RATE, 2.5 - picture_at, 4.0 - picture_at)
    assert len(late) == 1.5 * SAMPLE_RATE
    assert abs(first_sound(late, SAMPLE_RATE) - 1.0) < 0.004


def test_what_cannot_be_read(make_video: MakeVideo, tmp_path: Path) -> None:
    silent = make_video("silent.mp4", *steady(5, 25))
    with pytest.raises(ClipError, match=r"silent\.mp4: the file has no sound"):
        read_audio(silent, SAMPLE_RATE)
    with pytest.raises(ClipError, match="no such file"):
        read_audio(tmp_path / "none.wav", SAMPLE_RATE)
    (tmp_path / "text.wav").write_text("not sound" * 100)
    with pytest.raises(ClipError, match=r"text\.wav: not a video or audio file"):
        read_audio(tmp_path / "text.wav", SAMPLE_RATE)
    with pytest.raises(ClipError, match="start"):
        read_audio(silent, SAMPLE_RATE, 2.0, 1.0)


def test_a_wav_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        write_wav(tmp_path / "none" / "x.wav", Speech(np.zeros(10, np.float32), SAMPLE_RATE))
    assert not list(tmp_path.iterdir())


def test_real_recordings_are_whole(shared_data: Path) -> None:
    samples = read_audio(min((shared_data / "grid" / "s1").glob("*.mp4")), SAMPLE_RATE)
    assert 2.9 * SAMPLE_RATE < len(samples) <= 3 * SAMPLE_RATE
    assert 0.05 < np.abs(samples).max() < 1.5
    opus = min((shared_data / "ravdess").glob("*.opus"))
    assert (
        abs(len(read_audio(opus, SAMPLE_RATE)) / SAMPLE_RATE - len(read_audio(opus, EAR_SAMPLE_RATE)) / EAR_SAMPLE_RATE)
        < 0.001
    )
