"""Every stage trains, resumes to the same weights, and refuses what does not fit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from encodec import EncodecModel
from safetensors.torch import load_file, save_file

from imagintalk.codec.codec import Codec
from imagintalk.config import load_config
from imagintalk.data.cache import read_cache
from imagintalk.errors import Cancelled, DataError, OptionError, WeightsError
from imagintalk.lip.visual import VisualEncoder
from imagintalk.models import ModelStore
from imagintalk.training import loop
from imagintalk.training.stages import PartOptions, train
from imagintalk.training.style_stage import StyleStage
from imagintalk.types import Progress

STEPS = 4
PARTS = {"codec": "codec", "language": "language", "lips": "lips", "style": "style", "diffusion": "diffusion"}


def options(cache: Path, folder: Path) -> PartOptions:
    return PartOptions(
        config=load_config("tiny"),
        cache=cache,
        runs=folder / "runs",
        folder=folder / "model",
        steps=STEPS,
        device="cpu",
        precision="no",
    )


def quiet(progress: Progress) -> None:
    pass


def weights(model: Path, part: str) -> dict[str, torch.Tensor]:
    card = json.loads((model / "model.json").read_text())
    return load_file(model / card["files"][part]["file"])


@pytest.fixture(scope="module")
def trained(made_up_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model trained through all stages."""
    folder = tmp_path_factory.mktemp("trained")
    for stage in ("codec", "tokens", "language", "lips", "style", "diffusion"):
        train(stage, options(made_up_cache, folder), quiet)
    return folder


def test_all_stages_leave_a_whole_model(trained: Path) -> None:
    store = ModelStore(trained / "model")
    assert set(store.parts) == {"codec", "tokens", "language", "lips", "style", "diffusion"}
    assert store.config == load_config("tiny")
    for stage in PARTS:
        assert (trained / "model" / f"{stage}.log.jsonl").read_text().strip()
        assert list((trained / "runs" / stage / "tensorboard").iterdir())


@pytest.mark.parametrize("stage", ["codec", "language", "lips", "style", "diffusion"])
def test_a_stopped_run_resumes_to_the_same_weights(
    stage: str, trained: Path, made_up_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = tmp_path / "again"
    shutil.copytree(trained / "model", again / "model")
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)

    def stop(progress: Progress) -> None:
        if progress.stage == f"train {stage}" and progress.fraction >= 0.5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        train(stage, options(made_up_cache, again), stop)
    train(stage, options(made_up_cache, again), quiet)
    once, twice = weights(trained / "model", PARTS[stage]), weights(again / "model", PARTS[stage])
    assert once.keys() == twice.keys()
    for name in once:
        assert torch.equal(once[name], twice[name]), name


def test_the_model_names_the_licences_of_what_it_has_seen(trained: Path, made_up_cache: Path, tmp_path: Path) -> None:
    assert ModelStore(trained / "model").card["data_licences"] == {"grid": "CC BY 4.0"}
    shutil.copytree(trained / "model", tmp_path / "model")
    shutil.copytree(made_up_cache / "grid", tmp_path / "cache" / "lrs3")
    index = tmp_path / "cache" / "lrs3" / "index.json"
    index.write_text(index.read_text().replace('"corpus": "grid"', '"corpus": "lrs3"'))
    train("style", options(tmp_path / "cache", tmp_path), quiet)
    card = ModelStore(tmp_path / "model").card
    assert card["data_licences"] == {"grid": "CC BY 4.0", "lrs3": "non-commercial research"}
    assert "lrs3 non-commercial research" in card["licence"]


def test_without_pictures_lips_are_refused(made_up_cache: Path, tmp_path: Path) -> None:
    shutil.copytree(made_up_cache, tmp_path / "cache")
    index = tmp_path / "cache" / "grid" / "index.json"
    index.write_text(index.read_text().replace('"has_picture": true', '"has_picture": false'))
    with pytest.raises(DataError, match="recordings with a picture in the train split to train lips"):
        train("lips", options(tmp_path / "cache", tmp_path), quiet)
    index.write_text(index.read_text().replace('"split": "validation"', '"split": "train"'))
    with pytest.raises(DataError, match="recordings in the validation split to train codec"):
        train("codec", options(tmp_path / "cache", tmp_path), quiet)


def test_faces_read_by_another_backend_are_refused(trained: Path, made_up_cache: Path) -> None:
    tiny = load_config("tiny")
    other = dataclasses.replace(tiny, style=dataclasses.replace(tiny.style, identity_width=1024))
    stage = StyleStage(other, read_cache(made_up_cache))
    with pytest.raises(DataError, match="expected face vectors of 1024 numbers .* got 128; run `imagintalk prepare`"):
        stage.batch(np.random.default_rng(0))


def test_a_gpu_that_is_not_there_is_refused(
    made_up_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(OptionError, match="no CUDA GPU"):
        train("codec", dataclasses.replace(options(made_up_cache, tmp_path), device="cuda"), quiet)


def test_a_published_front_end_is_taken_frozen(made_up_cache: Path, tmp_path: Path) -> None:
    tiny = load_config("tiny")
    wide = dataclasses.replace(tiny, lips=dataclasses.replace(tiny.lips, input=tiny.lips.crop))
    theirs = VisualEncoder(wide.lips).state_dict()
    theirs = {name.replace("stem.", "frontend3D.", 1): tensor for name, tensor in theirs.items()}
    theirs["frontend3D.0.weight"] = theirs["frontend3D.0.weight"].unsqueeze(1)
    save_file({name: tensor.contiguous() for name, tensor in theirs.items()}, tmp_path / "frontend.safetensors")
    asked = dataclasses.replace(
        options(made_up_cache, tmp_path), config=wide, published=str(tmp_path / "frontend.safetensors")
    )
    for stage in ("codec", "tokens"):
        train(stage, dataclasses.replace(asked, published=None), quiet)
    with pytest.raises(OptionError, match="for the stages codec and lips"):
        train("language", asked, quiet)
    train("lips", asked, quiet)
    stored = weights(tmp_path / "model", "lips")
    for name, tensor in VisualEncoder(wide.lips).state_dict().items():
        there = theirs[name.replace("stem.", "frontend3D.", 1)].reshape(tensor.shape)
        assert torch.allclose(stored[f"aligner.visual.{name}"].to(there.dtype), there, atol=1e-3), name
    with pytest.raises(WeightsError, match="imagintalk models pull av-hubert"):
        train("lips", dataclasses.replace(asked, runs=tmp_path / "other", published="av-hubert"), quiet)


def test_an_unknown_stage_is_refused(made_up_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected a stage"):
        train("eyes", options(made_up_cache, tmp_path), quiet)


def test_a_stage_before_its_turn_says_what_is_missing(made_up_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="tokens"):
        train("language", options(made_up_cache, tmp_path), quiet)


def test_an_empty_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="imagintalk prepare"):
        train("codec", options(tmp_path, tmp_path), quiet)


def test_a_model_of_other_sizes_is_refused(trained: Path, made_up_cache: Path) -> None:
    other = dataclasses.replace(options(made_up_cache, trained), config=load_config("small"))
    with pytest.raises(WeightsError, match="other sizes"):
        train("style", other, quiet)


def test_encodecs_weights_become_the_codec_of_a_model(made_up_cache: Path, tmp_path: Path) -> None:
    theirs = EncodecModel.encodec_model_24khz(pretrained=False)
    torch.save(theirs.state_dict(), tmp_path / "encodec.th")
    paper, tiny = load_config("paper").codec, load_config("tiny")
    codec = dataclasses.replace(
        paper, frame_rate=75, ratios=(8, 5, 4, 2), levels=32, dimension=128, filters=32, discriminator_filters=4
    )
    config = dataclasses.replace(tiny, codec=codec, diffusion=dataclasses.replace(tiny.diffusion, level_groups=(32,)))
    asked = dataclasses.replace(options(made_up_cache, tmp_path), config=config, published=str(tmp_path / "encodec.th"))
    train("codec", asked, quiet)
    ours = Codec(codec)
    ModelStore(asked.folder).load_part("codec", ours)
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    (tmp_path / "encodec.th").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"encodec\.th"):
        train("codec", asked, quiet)
    with pytest.raises(OptionError, match="stages codec and lips"):
        train("style", dataclasses.replace(options(made_up_cache, tmp_path / "other"), published="av"), quiet)
