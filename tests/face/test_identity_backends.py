"""Identity vectors: the default, and the paper's pair on random weights of the same form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from imagintalk.errors import ConfigError, WeightsError
from imagintalk.face.facenet import FaceNet, load_facenet
from imagintalk.face.identity import ArcFaceFaceNetIdentity, identity_backend
from imagintalk.media.probe import probe
from imagintalk.types import Clip

FACES = np.random.default_rng(0).integers(0, 255, (3, 160, 160, 3), dtype=np.uint8)


def arcface_file(path: Path, width: int = 512) -> Path:
    """A network of ArcFace's input and output: one strided convolution."""
    weights = np.random.default_rng(0).normal(size=(width, 3, 112, 112)).astype(np.float32) / 100
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input.1", "weights"], ["map"], kernel_shape=[112, 112]),
            helper.make_node("Flatten", ["map"], ["683"]),
        ],
        "arcface",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["None", 3, 112, 112])],
        [helper.make_tensor_value_info("683", TensorProto.FLOAT, [1, width])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


@pytest.fixture(scope="module")
def facenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights as facenet-pytorch saves them, the classifier of its training included."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("facenet") / "facenet.pt"
    state = FaceNet().state_dict()
    torch.save({**state, "logits.weight": torch.zeros(10, 512), "logits.bias": torch.zeros(10)}, path)
    return path


def test_dlib_gives_128_numbers_that_do_not_depend_on_the_order() -> None:
    backend = identity_backend("dlib")
    vector = backend.embed(FACES)
    assert vector.shape == (backend.width,) == (128,)
    assert vector.dtype == np.float32
    assert np.allclose(vector, backend.embed(FACES[::-1]), atol=1e-5)


def test_arcface_and_facenet_are_joined(tmp_path: Path, facenet_file: Path) -> None:
    backend = ArcFaceFaceNetIdentity(arcface_file(tmp_path / "w600k_r50.onnx"), facenet_file)
    vector = backend.embed(FACES)
    assert vector.shape == (backend.width,) == (1024,)
    assert np.linalg.norm(vector[:512]) == pytest.approx(1, abs=1e-4)
    assert np.linalg.norm(vector[512:]) == pytest.approx(1, abs=1e-4)
    assert not np.allclose(vector, backend.embed(255 - FACES), atol=1e-3)


def test_facenet_has_the_published_size() -> None:
    assert sum(parameter.numel() for parameter in FaceNet().parameters()) == 23_482_624


def test_weights_that_are_missing_or_damaged(
    tmp_path: Path, facenet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagintalk.external.weights_folder", lambda: tmp_path / "empty")
    with pytest.raises(WeightsError, match="imagintalk models pull buffalo_l"):
        identity_backend("arcface-facenet")
    with pytest.raises(ConfigError, match="expected 'dlib' or 'arcface-facenet'"):
        identity_backend("nose")
    (tmp_path / "bad").write_bytes(b"no network")
    for arcface in (tmp_path / "none", tmp_path / "bad", arcface_file(tmp_path / "narrow.onnx", 128)):
        with pytest.raises(WeightsError, match="imagintalk models pull buffalo_l"):
            ArcFaceFaceNetIdentity(arcface, facenet_file)
    torch.save({"last_bn.weight": torch.zeros(512)}, tmp_path / "other.pt")
    for facenet in (tmp_path / "none", tmp_path / "bad", tmp_path / "other.pt"):
        with pytest.raises(WeightsError, match="imagintalk models pull facenet"):
            load_facenet(facenet)


def test_dlib_tells_people_apart(shared_data: Path) -> None:
    from imagintalk.face.read import read_face

    def embed(path: Path) -> np.ndarray:
        return backend.embed(read_face(Clip(path, 0.0, 1.0), probe(path), identity_frames=2).face)

    backend = identity_backend("dlib")
    man = [embed(path) for path in sorted((shared_data / "grid" / "s1").glob("*.mp4"))[::500]]
    woman = [embed(path) for path in sorted((shared_data / "grid" / "s4").glob("*.mp4"))[::30]]
    assert np.linalg.norm(man[0] - man[1]) < 0.45
    assert np.linalg.norm(woman[0] - woman[1]) < 0.45
    assert np.linalg.norm(man[0] - woman[0]) > 0.65
