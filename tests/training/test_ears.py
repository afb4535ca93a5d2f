"""The ears train on what was prepared for them, and hear what they learnt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imagintalk.cli import main
from imagintalk.data.cache import write_index
from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.ears.slots import SlotRecogniser, speaks_grid
from imagintalk.rates import SAMPLE_RATE
from imagintalk.training.ears import train_ear
from imagintalk.training.options import TrainOptions
from imagintalk.types import Emotion

SENTENCES = ("bin blue at f two now", "set red with c zero soon", "lay green by a one please")
SECONDS = 2


@pytest.fixture(scope="module")
def ear_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up buzzes: three sentences of GRID and eight emotions, some of each in every split."""
    root = tmp_path_factory.mktemp("cache")
    times = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    for corpus, count in (("grid", 15), ("ravdess", 40)):
        folder = root / corpus
        folder.mkdir()
        recordings = []
        for number in range(count):
            split = ("train", "train", "train", "validation", "test")[number * 5 // count]
            text = SENTENCES[number % 3] if corpus == "grid" else "dogs are sitting by the door"
            emotion = Emotion(number % 8) if corpus == "ravdess" else None
            hertz = 250 * 4.0 ** (number % 3) if emotion is None else 90 * 2 ** (emotion / 4)
            harmonics = range(1, 3 if emotion is None else 9)
            buzz = sum(np.sin(2 * np.pi * k * hertz * times) / k for k in harmonics) * (times > 0.3)
            samples = (2000 * buzz + rng.normal(0, 30, len(times))).astype(np.int16)
            words = tuple((0.3 * i, 0.3 * i + 0.3, word) for i, word in enumerate(text.split()))
            path = root / "none.wav"
            recordings.append(Recording(f"made{number}", path, "t", split, False, words, text, emotion))
            pitch = np.where(times[:: SAMPLE_RATE // 100] > 0.3, hertz, 0).astype(np.float32)
            np.savez(folder / f"t_made{number}.sound.npz", samples=samples, pitch=pitch)
        write_index(folder, corpus, recordings)
    return root


def options(cache: Path, folder: Path, steps: int) -> TrainOptions:
    return TrainOptions(
        cache=cache, runs=folder / "runs", folder=folder / "ears", steps=steps, device="cpu", precision="no"
    )


def test_the_slots_ear_learns_and_is_stored_with_its_figures(ear_cache: Path, tmp_path: Path) -> None:
    facts = train_ear("slots", options(ear_cache, tmp_path, 60), lambda progress: None)
    assert facts["recordings"] == 9 and facts["data_licences"] == {"grid": "CC BY 4.0"}
    assert facts["test"].keys() == {"wer_recording", "wer_codec"}
    logged = [json.loads(line) for line in (tmp_path / "runs" / "slots" / "log.jsonl").read_text().splitlines()]
    assert logged[-1]["train"]["wrong"] < 0.5
    ear = SlotRecogniser(tmp_path / "ears")
    assert ear.facts["test"] == facts["test"]
    assert speaks_grid(ear.transcribe(0.1 * np.ones(SAMPLE_RATE, np.float32), SAMPLE_RATE))


def test_the_emotion_ear_learns_from_the_command_line(
    ear_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "emotion", "--cache", str(ear_cache), "--runs", str(tmp_path / "runs"), "--steps", "60"]
    command += ["--model", str(tmp_path / "ears"), "--device", "cpu", "--precision", "no"]
    assert main(command) == 0
    assert f"emotion: stored in {tmp_path / 'ears'}" in capsys.readouterr().out
    facts = EmotionEar(tmp_path / "ears").facts
    assert facts["test"]["right_recording"] >= 0.5, "made-up emotions are told by their pitch"
    assert "right_codec" in facts["test"]


def test_without_fitting_recordings_an_ear_is_refused(made_up_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected recordings of GRID's sentences in the train split to train slots"):
        train_ear("slots", options(made_up_cache, tmp_path, 1), lambda progress: None)
