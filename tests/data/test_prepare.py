"""`imagintalk prepare`: recordings become the cache that training reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagintalk.cli import main
from imagintalk.config import load_config
from imagintalk.data.cache import read_cache
from imagintalk.data.prepare import prepare_one
from imagintalk.data.recording import Recording
from imagintalk.errors import WeightsError


@pytest.fixture(scope="module")
def corpus(talking_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole clip of a talker laid out as GRID, and one that is no video."""
    root = tmp_path_factory.mktemp("grid")
    (root / "s1").mkdir()
    shutil.copy(talking_clip, root / "s1" / "bbaf2n.mp4")
    (root / "s1" / "swiz4s.mp4").write_bytes(b"no video")
    return root


def test_a_clip_becomes_sound_voice_and_picture_once(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["prepare", "grid", str(corpus), "--cache", str(tmp_path), "--workers", "1"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "1 recordings in" in told.out
    assert "left out: s1_swiz4s" in told.err and "not a video" in told.err

    (example,) = read_cache(tmp_path)
    assert (example.corpus, example.talker, example.text) == ("grid", "s1", "bin blue at f two now")
    assert example.samples.shape == (72_000,) and example.samples.dtype == np.float32
    assert example.sound["pitch"].shape == (300,)
    assert np.linalg.norm(example.voice["ge2e"]) == pytest.approx(1, abs=1e-4)
    picture = example.picture
    assert (picture["mouth"].shape, picture["mouth"].dtype) == ((75, 96, 96), np.uint8)
    assert picture["identity"].shape == (128,)
    assert picture["expression"].shape == (len(picture["expression_frames"]), 8)

    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert len(written) == 3
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == written


def test_sound_alone_has_no_picture(tmp_path: Path) -> None:
    root = tmp_path / "speech" / "ann"
    root.mkdir(parents=True)
    soundfile.write(root / "one.wav", np.random.default_rng(0).normal(0, 0.1, 20_001), 16_000)
    assert main(["prepare", "speech", str(root.parent), "--cache", str(tmp_path / "cache"), "--workers", "1"]) == 0
    (example,) = read_cache(tmp_path / "cache")
    assert not example.has_picture
    assert len(example.samples) == 30_240  # 1.25 s, filled up to whole frames of 1/50 s


def test_the_paper_s_faces_need_their_weights(
    talking_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagintalk.external.weights_folder", lambda: tmp_path)
    recording = Recording("bbaf2n", talking_clip, "s1", "train", has_picture=True)
    with pytest.raises(WeightsError, match="imagintalk models pull buffalo_l"):
        prepare_one(recording, tmp_path, ("picture",), load_config("paper").style)
