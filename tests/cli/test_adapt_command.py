"""`imagintalk adapt`, and `dub` with what comes of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile
import torch

from imagintalk.adapting.talker import load_talker
from imagintalk.cli import main
from imagintalk.models import ModelStore
from imagintalk.provenance import sha256_of
from imagintalk.tokens.build import build_tokenizer


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model, and tokens of random centroids."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    store = ModelStore(folder)
    tokenizer = build_tokenizer(store.config.tokens)
    torch.manual_seed(0)
    for name in ("mean", "projection", "centroids"):
        tokenizer.get_buffer(name).normal_()
    store.save_part("tokens", tokenizer, {})
    return folder


def test_a_talker_is_learnt_and_dubbed_with(
    model: Path, talking_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter, speech = tmp_path / "anna.safetensors", tmp_path / "speech.wav"
    clips = [str(talking_clip)] * 4
    assert main(["adapt", *clips, "-o", str(adapter), "--model", str(model), "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert f"{adapter}: 0.0" in told and "from 4 clips, 12 s" in told and "too few clips to keep one aside" in told
    talker = load_talker(adapter)
    assert talker.lips and adapter.stat().st_size < 2_000_000
    asked = ["dub", str(talking_clip), "-o", str(speech), "--end", "0.4", "--emotion", "neutral", "--model", str(model)]
    assert main([*asked, "--adapter", str(adapter)]) == 0
    with soundfile.SoundFile(speech) as wav:
        assert sha256_of(adapter) in wav.comment and '"voice": "adapter"' in wav.comment
    assert main([*asked, "--adapter", str(speech)]) == 2
    assert "expected a file made with `imagintalk adapt`" in capsys.readouterr().err


def test_where_it_cannot_be_written_is_told_before_the_work(
    talking_clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagintalk.pipeline.Pipeline.load", lambda *_: pytest.fail("the model was loaded"))
    assert main(["adapt", str(talking_clip), "-o", str(tmp_path / "none" / "a.safetensors")]) == 2
    assert "there is no folder" in capsys.readouterr().err
