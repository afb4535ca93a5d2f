"""An adapter comes back from its file as it was, fits one model only, and a pipeline speaks and reads by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from imagintalk.adapting.talker import Talker, TalkerFacts, load_talker
from imagintalk.dubbing.options import DubOptions
from imagintalk.dubbing.report import provenances
from imagintalk.errors import WeightsError
from imagintalk.models import ModelStore
from imagintalk.pipeline import Pipeline
from imagintalk.provenance import sha256_of
from imagintalk.types import Clip, VoicePrompt

VOICE = (np.eye(256, dtype=np.float32)[7]).copy()
PROMPT = VoicePrompt(np.arange(12 * 30).reshape(12, 30) % 16, np.arange(30) % 20)


def talker(model: Path, lips_sha256: str = "", **lips: torch.Tensor) -> Talker:
    fits = lips_sha256 or ModelStore(model).part_sha256("lips")
    facts = TalkerFacts("tiny", fits, 5, 15.0, 3.0, 2.5, "0.1.0", "2026-01-01T00:00:00+00:00")
    return Talker(facts, VOICE, PROMPT, {name.replace("__", "."): tensor for name, tensor in lips.items()})


def bias(model: Path) -> torch.Tensor:
    return Pipeline.load(model, "cpu").parts.aligner.project.bias.clone()


def test_round_trip(tiny_model: Path, tmp_path: Path) -> None:
    saved, path = talker(tiny_model, project__bias=bias(tiny_model) + 1), tmp_path / "anna.safetensors"
    saved.save(path)
    loaded = load_talker(path)
    assert loaded.facts == saved.facts and loaded.sha256 == sha256_of(path)
    np.testing.assert_array_equal(loaded.voice, VOICE)
    np.testing.assert_array_equal(loaded.prompt.codes, PROMPT.codes)
    np.testing.assert_array_equal(loaded.prompt.ids, PROMPT.ids)
    torch.testing.assert_close(loaded.lips["project.bias"], saved.lips["project.bias"], rtol=1e-3, atol=1e-3)
    first = path.read_bytes()
    saved.save(path)
    assert path.read_bytes() == first


def test_a_pipeline_reads_and_speaks_by_it_and_says_so(tiny_model: Path, talking_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "anna.safetensors"
    talker(tiny_model, project__bias=bias(tiny_model) + 1).save(path)
    plain, adapted = Pipeline.load(tiny_model, "cpu"), Pipeline.load(tiny_model, "cpu", adapter=path)
    torch.testing.assert_close(
        adapted.parts.aligner.project.bias, plain.parts.aligner.project.bias + 1, rtol=1e-3, atol=1e-3
    )
    clip, options = Clip(talking_clip, 0.0, 0.4), DubOptions(emotion="neutral")
    result = adapted.run(clip, options)
    np.testing.assert_array_equal(result.style.c_id, VOICE)
    made = provenances(adapted.store, clip, options, result, adapted.parts.talker)[0]
    assert (made.voice, made.adapter_sha256) == ("adapter", sha256_of(path))
    usual = plain.parts.config.diffusion.guidance
    assert options.guidance_weights(plain.parts.config, known_voice=True).identity == usual.identity
    assert options.guidance_weights(plain.parts.config).identity == 0


def test_one_made_for_other_lips_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "anna.safetensors"
    talker(tiny_model, "f" * 64).save(path)
    with pytest.raises(WeightsError, match="expected one made for lips .*, got one for ffffffffffff of tiny"):
        Pipeline.load(tiny_model, "cpu", adapter=path)
    talker(tiny_model, strange=torch.zeros(1)).save(path)
    with pytest.raises(WeightsError, match="expected weights of the lip aligner, got strange"):
        Pipeline.load(tiny_model, "cpu", adapter=path)


def test_other_files_are_no_adapters(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "anna.safetensors"
    with pytest.raises(WeightsError, match="no such adapter"):
        load_talker(path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(WeightsError, match="expected a file made with `imagintalk adapt`"):
        load_talker(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="expected a file made with `imagintalk adapt`"):
        load_talker(path)
    talker(tiny_model, project__bias=torch.tensor([float("nan")])).save(path)
    with pytest.raises(WeightsError, match="expected a voice and weights of the lips"):
        load_talker(path)
