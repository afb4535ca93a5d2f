"""One clip through the real parts of each experiment, with a small random model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from imagintalk.config import DetectorConfig
from imagintalk.data.cache import write_index
from imagintalk.data.recording import Recording
from imagintalk.data.splits import Split
from imagintalk.dubbing.lips import read_lips
from imagintalk.evaluation.subjects import Subjects
from imagintalk.experiments.catalogue import EXPERIMENTS
from imagintalk.experiments.codec_ceiling import CodecCeiling
from imagintalk.experiments.data_share import examples_of
from imagintalk.experiments.degraded import CONDITIONS, FRAMES_DROPPED, OCCLUDED, degrade, pictures_of, write_pictures
from imagintalk.experiments.detector_sweep import DetectorSweep, drift
from imagintalk.experiments.experiment import Experiment, Figures
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.plain_adaln import PlainAdaLn, turning, without_time
from imagintalk.experiments.style_matrix import StyleMatrix
from imagintalk.experiments.visemes import NAMES, viseme_of
from imagintalk.types import ContentTokens, Emotion


def measured(experiment: Experiment, lab: Lab, setting: str) -> Figures:
    [unit] = [unit for unit in experiment.units(lab, 1) if unit.setting == setting]
    return unit.measure()


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "data"])
def test_units_are_distinct_and_grow_with_the_clips(name: str, lab: Lab) -> None:
    units = [(unit.clip, unit.setting) for unit in EXPERIMENTS[name].units(lab, 1)]
    assert len(units) == len(set(units)) > 0
    assert {clip for clip, _ in units} == {"bbaf2n"}, "the only one of the validation split"


def test_all_levels_are_the_codec_itself(lab: Lab) -> None:
    [recording] = lab.clips(1)
    whole = Subjects(lab.pipeline).resynthesise(lab.sound(recording))
    codes = lab.parts.codec.encode(torch.from_numpy(lab.sound(recording))[None])[0]
    np.testing.assert_allclose(lab.sound_of_codes(codes)[: len(whole)], whole, atol=1e-6)
    of_recording = measured(CodecCeiling(), lab, "recording")
    assert of_recording["ESTOI"] > 0.999 and of_recording["MCD"] == 0 and of_recording["voice"] > 0.999
    assert measured(CodecCeiling(), lab, "12")["ESTOI"] < 0.9


def test_the_lab_reads_lips_as_a_dub_does(lab: Lab) -> None:
    [recording] = lab.clips(1)
    ours = lab.content(recording.path)
    dubbed, _ = read_lips(lab.face(recording.path).mouth, lab.parts, lab.parts.config.detector, lambda share: None)
    assert np.array_equal(ours.refilled, dubbed.refilled) and np.array_equal(ours.weights, dubbed.weights)
    made = lab.pipeline.dub(recording.path, seed=0).takes[0].speech.samples
    np.testing.assert_array_equal(lab.speak(ours, lab.style(recording.path)), made)


def test_each_condition_changes_the_picture_in_its_own_way(lab: Lab, tmp_path: Path) -> None:
    [recording] = lab.clips(1)
    clean = pictures_of(recording.path)
    mouth = (40, 60, 80, 90)
    worse = {name: degrade(clean, name, mouth, 0) for name in CONDITIONS}
    assert all(len(pictures) == len(clean) for pictures in worse.values())
    assert np.mean(worse["darkened"]) < 0.3 * np.mean(clean)
    rough = {name: np.mean([np.abs(np.diff(p.astype(int), axis=1)).mean() for p in worse[name]]) for name in CONDITIONS}
    assert rough["blurred"] < 0.8 * rough["clean"] and rough["low resolution"] < 0.8 * rough["clean"]
    covered = [(p[60:90, 40:80] == 128).all() for p in worse[OCCLUDED]]
    assert not covered[0] and covered[len(covered) // 2] and not covered[-1]
    held = [np.array_equal(a, b) for a, b in zip(worse[FRAMES_DROPPED], worse[FRAMES_DROPPED][1:], strict=False)]
    assert 0.25 < np.mean(held) < 0.55
    write_pictures(tmp_path / "clean.mp4", clean)
    again = pictures_of(tmp_path / "clean.mp4")
    assert len(again) == len(clean) and np.abs(again[9].astype(int) - clean[9]).mean() < 6


def test_a_rule_that_masks_all_and_one_that_masks_nothing(lab: Lab) -> None:
    none = measured(DetectorSweep(), lab, "clean, off")
    assert none["masked"] == none["broken"] == none["mended"] == 0 and np.isnan(none["before"])
    all_of_them = measured(DetectorSweep(), lab, "clean, fixed 1")
    assert all_of_them["masked"] > 0.99 and 0 <= all_of_them["WER"] <= 200
    assert measured(DetectorSweep(), lab, "clean, adaptive 0.25")["masked"] == pytest.approx(0.25, abs=0.01)


def test_drift_counts_what_is_broken_and_mended() -> None:
    def tokens(*values: int) -> np.ndarray:
        return np.array(values)

    content = ContentTokens(
        ids=tokens(1, 1, 2, 2),
        similarity=np.zeros(4, np.float32),
        masked=np.array([True, True, True, False]),
        refilled=tokens(2, 2, 3, 2),
        probability=np.zeros(4, np.float32),
        weights=np.zeros((4, 5), np.float32),
        features=np.zeros((4, 8), np.float32),
    )
    found = drift(content, tokens(1, 2, 0, 0), np.eye(5, dtype=np.float32))
    assert (found["masked"], found["broken"], found["mended"]) == (0.75, 0.25, 0.25)
    assert found["before"] == pytest.approx(1 / 3) and found["after"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("rounds", [1, 8])
def test_each_round_of_the_refill_is_a_pass_of_the_language_model(rounds: int, lab: Lab) -> None:
    [recording] = lab.clips(1)
    lab.alignment(recording.path)
    passes: list[object] = []
    counting = lab.parts.language.roberta.lm_head.register_forward_hook(lambda *_: passes.append(None))
    content = lab.content(recording.path, DetectorConfig("adaptive", 0.0, 0.6), rounds)
    counting.remove()
    assert len(passes) == rounds
    assert np.array_equal(content.refilled[~content.masked], content.ids[~content.masked])


def test_plain_style_has_no_time_and_the_same_mean(lab: Lab) -> None:
    [recording] = lab.clips(1)
    style = lab.style(recording.path, None, turning(1.5))
    plain = without_time(style)
    assert style.emotion[:, Emotion.ANGRY].min() == 0 and style.emotion[:, Emotion.ANGRY].max() == 1
    assert np.ptp(plain.emotion, axis=0).max() == 0 and np.array_equal(plain.c_id, style.c_id)
    np.testing.assert_allclose(plain.emotion[0], style.emotion.mean(axis=0), rtol=1e-6)
    found = measured(PlainAdaLn(), lab, "turning, dual")
    assert set(found) >= {"rise", "louder", "first", "second", "F0 range"}


def test_each_style_gives_a_voice_and_an_emotion(lab: Lab) -> None:
    found = measured(StyleMatrix(), lab, "a, angry")
    assert len(found["voice"]) == 256 and len(found["emotion"]) == 64
    assert -1 <= found["to the voice"] <= 1 or np.isnan(found["to the voice"])


@pytest.mark.parametrize("setting", ["remasking, 1", "confidence, 2", "halton, 4"])
def test_every_sampler_speaks_at_any_number_of_steps(setting: str, lab: Lab) -> None:
    found = measured(EXPERIMENTS["steps"], lab, setting)
    assert found["seconds"] > 0 and 1 <= found["DNSMOS"] <= 5


def test_the_config_s_own_weights_are_spoken_once(lab: Lab) -> None:
    first, second = (measured(EXPERIMENTS["guidance"], lab, setting) for setting in ("lip 0", "identity 0"))
    assert first is second


def test_a_new_talker_s_model_is_adapted_once_and_has_the_talker_s_voice(lab: Lab) -> None:
    units = EXPERIMENTS["talker"].units(lab, 10)
    assert [(unit.setting, unit.clip) for unit in units] == [
        (count, clip) for count in ("0", "4") for clip in ("bbaf2n", "bbaa2n")
    ]
    before, after = units[0].measure(), units[2].measure()
    assert after["tokens"] > before["tokens"], "the clips adapted to are copies of the one held out"
    [adapter] = (lab.places.cache / "experiments").glob("s4-4-*.safetensors")
    written = adapter.stat().st_mtime_ns
    assert units[3].measure() == pytest.approx(after, nan_ok=True) and adapter.stat().st_mtime_ns == written


@pytest.mark.parametrize(("symbol", "viseme"), [("b", "p b m"), ("t͡ʃ", "sh ch j"), ("aɪ", "a"), ("oʊ", "o oo")])
def test_phonemes_have_the_shape_of_their_beginning(symbol: str, viseme: str) -> None:
    number = viseme_of(symbol)
    assert number is not None and NAMES[number] == viseme


@pytest.mark.parametrize("symbol", ["<blank>", " ", "ː", "不"])
def test_what_is_no_phoneme_has_no_shape(symbol: str) -> None:
    assert viseme_of(symbol) is None


def test_shares_of_the_training_clips_are_nested_in_number_not_in_validation(lab: Lab) -> None:
    folder = lab.places.cache / "grid"
    folder.mkdir()
    splits: list[Split] = ["train"] * 16 + ["validation"] * 4
    recordings = [
        Recording(f"c{number:02d}", folder / "none.mp4", "s1", split, True) for number, split in enumerate(splits)
    ]
    write_index(folder, "grid", recordings)
    units = EXPERIMENTS["data"].units(lab, 2)
    assert [unit.setting for unit in units] == ["1/8", "1/4", "1/2", "1"]
    from imagintalk.experiments.data_share import SHARES

    counts = [[e.split for e in examples_of(lab, 2, share)] for share in SHARES]
    assert [found.count("train") for found in counts] == [2, 4, 8, 16]
    assert all(found.count("validation") == 2 for found in counts)
