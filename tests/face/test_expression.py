"""Expression readings and the emotion track made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from imagintalk.errors import ConfigError, WeightsError
from imagintalk.face.expression import FerExpression, Poster2Expression, expression_backend
from imagintalk.face.smoothing import emotion_track
from imagintalk.types import Emotion


def one_hot(*emotions: Emotion) -> np.ndarray:
    return np.eye(8, dtype=np.float32)[list(emotions)]


def poster2_file(path: Path, classes: int) -> Path:
    """A network of Poster2's input and output: mean of each colour times random weights."""
    weights = np.random.default_rng(0).normal(size=(3, classes)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "poster2",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_fer_gives_probabilities_without_calm() -> None:
    reading = expression_backend("fer").read(np.random.default_rng(0).integers(0, 255, (160, 160, 3), dtype=np.uint8))
    assert reading.shape == (8,)
    assert reading.dtype == np.float32
    assert reading.sum() == pytest.approx(1, abs=1e-5)
    assert reading[Emotion.CALM] == 0
    assert (reading >= 0).all()


@pytest.mark.parametrize("classes", [7, 8])
def test_poster2_runs_from_an_onnx_file(tmp_path: Path, classes: int) -> None:
    backend = Poster2Expression(poster2_file(tmp_path / "poster2.onnx", classes))
    reading = backend.read(np.full((160, 160, 3), 200, np.uint8))
    assert reading.sum() == pytest.approx(1, abs=1e-5)
    assert reading[Emotion.CALM] == 0
    assert np.count_nonzero(reading) == 7


def test_poster2_refuses_what_is_no_poster2(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="imagintalk models pull poster2-onnx"):
        Poster2Expression(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=r"bad\.onnx"):
        Poster2Expression(tmp_path / "bad.onnx")
    with pytest.raises(WeightsError, match="7 or 8 expressions"):
        Poster2Expression(poster2_file(tmp_path / "five.onnx", 5))


def test_missing_weights_and_unknown_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagintalk.external.weights_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="imagintalk models pull poster2-onnx"):
        expression_backend("poster2")
    with pytest.raises(ConfigError, match="expected 'fer' or 'poster2'"):
        expression_backend("smile")
    with pytest.raises(WeightsError, match="missing"):
        FerExpression(tmp_path / "none.tflite")
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"bad\.tflite"):
        FerExpression(tmp_path / "bad.tflite")


def test_the_track_is_one_hot_at_50_hz_and_of_the_wanted_length() -> None:
    readings = np.random.default_rng(0).dirichlet(np.ones(8), 25)
    track = emotion_track(readings, np.arange(0, 75, 3), 150)
    assert track.shape == (150, 8)
    assert (track.sum(axis=1) == 1).all()
    assert set(np.unique(track)) == {0.0, 1.0}


def test_a_short_flicker_is_smoothed_away_and_a_change_is_kept() -> None:
    frames = np.arange(0, 75, 3)
    flicker = one_hot(*[Emotion.HAPPY if t == 30 else Emotion.SAD for t in frames])
    assert (emotion_track(flicker, frames, 150).argmax(axis=1) == Emotion.SAD).all()
    change = one_hot(*[Emotion.SAD if t < 36 else Emotion.ANGRY for t in frames])
    labels = emotion_track(change, frames, 150).argmax(axis=1)
    assert set(labels[:66]) == {Emotion.SAD}
    assert set(labels[78:]) == {Emotion.ANGRY}


def test_sparse_readings_hold_to_the_nearest_and_none_is_neutral() -> None:
    track = emotion_track(one_hot(Emotion.HAPPY, Emotion.SAD), np.array([0, 74]), 150)
    assert track[:75].argmax(axis=1).tolist() == [Emotion.HAPPY] * 75
    assert track[76:].argmax(axis=1).tolist() == [Emotion.SAD] * 74
    assert (emotion_track(np.zeros((0, 8)), np.zeros(0, np.int64), 9).argmax(axis=1) == Emotion.NEUTRAL).all()
