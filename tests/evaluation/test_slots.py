"""The ear for GRID's sentences, and how an ear's weights are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from imagintalk.data.grid import read_grid
from imagintalk.errors import DataError, OptionError, WeightsError
from imagintalk.evaluation.ears.emotion import EmotionNetwork
from imagintalk.evaluation.ears.slots import (
    SlotNetwork,
    SlotRecogniser,
    mel_decibels,
    normalised,
    sentences,
    speaks_grid,
)
from imagintalk.evaluation.ears.store import EMBEDDED, ear_file, load_ear, save_ear
from imagintalk.evaluation.recognisers import RECOGNISERS, can_hear, open_recognisers
from imagintalk.evaluation.subset import evenly
from imagintalk.evaluation.words import pooled, word_errors
from imagintalk.media.audio import read_audio
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE


@pytest.fixture(scope="module")
def ear() -> SlotRecogniser:
    return SlotRecogniser()


def noise(seconds: float) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * EAR_SAMPLE_RATE)).astype(np.float32)


def test_it_hears_recordings_of_the_test_split(ear: SlotRecogniser, shared_data: Path) -> None:
    clips = [r for r in read_grid(shared_data / "grid") if r.talker == "s1" and r.split == "test"]
    found = [
        word_errors(clip.text, ear.transcribe(read_audio(clip.path, SAMPLE_RATE), SAMPLE_RATE))
        for clip in evenly(clips, 30)
    ]
    assert pooled(found).rate <= 0.04


def test_any_sound_is_a_sentence_and_silence_is_none(ear: SlotRecogniser) -> None:
    assert speaks_grid(ear.transcribe(noise(2.0), EAR_SAMPLE_RATE))
    assert ear.transcribe(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE) == ""
    assert ear.transcribe(noise(0.1), EAR_SAMPLE_RATE) == ""
    with pytest.raises(DataError):
        ear.transcribe(np.full(SAMPLE_RATE, np.nan, np.float32), SAMPLE_RATE)


def test_level_and_filter_are_not_heard() -> None:
    mel = mel_decibels(noise(1.0))
    tilted = mel + torch.linspace(-10, 20, mel.shape[1])
    np.testing.assert_allclose(normalised(tilted).std(), 1, atol=1e-4)
    np.testing.assert_allclose(normalised(mel + 15), normalised(mel), atol=1e-4)


def test_what_lies_beyond_a_clips_end_changes_nothing() -> None:
    torch.manual_seed(0)
    network = SlotNetwork().eval()
    mel = torch.randn(1, 200, 64)
    longer = torch.cat([mel, torch.zeros(1, 60, 64)], dim=1)
    with torch.inference_mode():
        attention = network(longer, torch.tensor([200])).attention
    np.testing.assert_allclose(attention.sum(dim=2), 1, atol=1e-5)
    assert not attention[..., 100:].any()


def test_logits_are_read_as_words() -> None:
    logits = tuple(torch.eye(size)[-1:] for size in (4, 4, 4, 25, 10, 4))
    assert sentences(logits) == ["set white with z nine soon"]


@pytest.mark.parametrize("text", ["", "bin blue at f two", "bin blue at w two now", "blue bin at f two now"])
def test_other_sentences_are_not_grids(text: str) -> None:
    assert not speaks_grid(text)


def test_who_can_hear_what() -> None:
    assert all(can_hear(name, "Bin blue, at F2 now.") for name in RECOGNISERS)
    assert [can_hear(name, "kids are talking") for name in RECOGNISERS] == [False, False, True]
    assert not any(can_hear(name, "") for name in RECOGNISERS)


def test_recognisers_are_opened_by_name() -> None:
    assert list(open_recognisers(["pocketsphinx", "slots"])) == ["slots", "pocketsphinx"]
    for wrong in (["ears"], []):
        with pytest.raises(OptionError, match="expected recognisers, of slots, pocketsphinx, Whisper"):
            open_recognisers(wrong)


def test_without_its_packages_whisper_is_left_out_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagintalk.evaluation.recognisers.PACKAGES", ("no_such_package_here",))
    assert list(open_recognisers()) == ["slots", "pocketsphinx"]


def test_weights_come_back_as_they_were_stored(tmp_path: Path) -> None:
    torch.manual_seed(0)
    stored, loaded = SlotNetwork(), SlotNetwork()
    path = save_ear("slots", stored, {"steps": 3}, tmp_path)
    assert load_ear("slots", loaded, tmp_path)["steps"] == 3
    for name, tensor in stored.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    first = path.read_bytes()
    save_ear("slots", stored, {"steps": 3}, tmp_path)
    assert path.read_bytes() == first, "the same weights are the same file"


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="imagintalk train slots"):
        load_ear("slots", SlotNetwork(), tmp_path)
    save_ear("slots", torch.nn.Linear(2, 2), {}, tmp_path)
    with pytest.raises(WeightsError, match="expected weights that fit"):
        load_ear("slots", SlotNetwork(), tmp_path)
    ear_file("emotion", tmp_path).write_bytes(ear_file("slots", tmp_path).read_bytes())
    with pytest.raises(WeightsError, match="expected weights of the ear emotion, got 'slots'"):
        load_ear("emotion", SlotNetwork(), tmp_path)
    ear_file("slots", tmp_path).write_bytes(b"cut off")
    with pytest.raises(WeightsError, match="damaged"):
        load_ear("slots", SlotNetwork(), tmp_path)
    broken = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(broken.weight, float("nan"))
    with pytest.raises(WeightsError, match="diverged"):
        save_ear("slots", broken, {}, tmp_path)


@pytest.mark.parametrize("name", ["slots", "emotion"])
def test_shipped_weights_are_small_and_name_their_data(name: str) -> None:
    assert ear_file(name, EMBEDDED).stat().st_size < 1_000_000
    network = SlotNetwork() if name == "slots" else EmotionNetwork()
    facts = load_ear(name, network)
    assert facts["data_licences"] and facts["test"]
    assert name in (EMBEDDED / "README.md").read_text(encoding="utf-8")
