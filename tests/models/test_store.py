"""The weights store: what is saved comes back, what is damaged is named, and a killed save loses nothing."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from imagintalk import models
from imagintalk.config import load_config
from imagintalk.errors import WeightsError
from imagintalk.models import MODEL_FILE, ModelStore, find_model

LICENCES = {"GRID": "CC BY 4.0", "RAVDESS": "CC BY-NC-SA 4.0"}


class Part(nn.Module):
    """A part with a weight, integer and boolean buffers, and a tied weight as language models have."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.embedding = nn.Embedding(width, width)
        self.head = nn.Linear(width, width)
        self.head.weight = self.embedding.weight
        self.register_buffer("steps", torch.tensor([0], dtype=torch.int64))
        self.register_buffer("ready", torch.tensor([False]))


def part(seed: int, width: int = 6) -> Part:
    torch.manual_seed(seed)
    module = Part(width)
    module.steps.fill_(2**40 + seed)
    module.ready.fill_(True)
    return module


def create(folder: Path) -> ModelStore:
    return ModelStore.create(folder, load_config("tiny"), "CC BY-NC-SA 4.0", LICENCES)


def seed_in(folder: Path) -> int:
    module = part(99)
    ModelStore(folder).load_part("codec", module)
    return int(module.steps) - 2**40


def test_half_precision_round_trip(tmp_path: Path) -> None:
    store, saved = create(tmp_path), part(1)
    path = store.save_part("codec", saved, {"steps": 10})
    loaded = part(2)
    ModelStore(tmp_path).load_part("codec", loaded)
    assert load_file(path)["head.bias"].dtype == torch.float16
    assert loaded.head.bias.dtype == torch.float32 and loaded.head.weight is loaded.embedding.weight
    torch.testing.assert_close(loaded.head.weight, saved.head.weight.half().float(), rtol=0, atol=0)
    assert int(loaded.steps) == 2**40 + 1 and bool(loaded.ready)


def test_saving_what_was_loaded_gives_the_same_bytes(tmp_path: Path) -> None:
    store = create(tmp_path)
    first = store.save_part("codec", part(1), {})
    before = first.read_bytes()
    loaded = part(2)
    store.load_part("codec", loaded)
    for _ in range(10):
        assert store.save_part("codec", loaded, {}) == first and first.read_bytes() == before


def test_weights_too_large_for_half_precision_stay_exact(tmp_path: Path) -> None:
    store, saved = create(tmp_path), part(1)
    saved.head.bias.data[0] = 1e6
    store.save_part("codec", saved, {})
    loaded = part(2)
    store.load_part("codec", loaded)
    torch.testing.assert_close(loaded.head.bias, saved.head.bias, rtol=0, atol=0)


def test_diverged_weights_are_not_saved_over_good_ones(tmp_path: Path) -> None:
    store = create(tmp_path)
    store.save_part("codec", part(1), {})
    bad = part(2)
    bad.head.bias.data[0] = float("nan")
    with pytest.raises(WeightsError, match="codec.head.bias.*diverged"):
        store.save_part("codec", bad, {})
    assert seed_in(tmp_path) == 1


def test_card_carries_licences_checksums_and_facts(tmp_path: Path) -> None:
    store = create(tmp_path)
    path = store.save_part("lips", part(1), {"steps": 10, "validation": {"accuracy": 0.5}})
    card = ModelStore(tmp_path).card
    assert card["licence"] == "CC BY-NC-SA 4.0" and card["data_licences"] == LICENCES and card["name"] == "tiny"
    entry = card["files"]["lips"]
    assert entry["file"] == path.name and entry["bytes"] == path.stat().st_size
    assert entry["training"]["validation"]["accuracy"] == 0.5
    assert ModelStore(tmp_path).config == load_config("tiny")


def test_model_checksum_follows_its_parts(tmp_path: Path) -> None:
    store = create(tmp_path)
    empty = store.sha256
    store.save_part("codec", part(1), {})
    one = store.sha256
    store.save_part("codec", part(2), {})
    assert len({empty, one, store.sha256}) == 3
    store.save_part("codec", part(1), {"note": "facts are no weights"})
    assert store.sha256 == one == ModelStore(tmp_path).sha256


def test_parts_saved_by_two_stores_are_both_kept(tmp_path: Path) -> None:
    one, two = create(tmp_path), create(tmp_path)
    one.save_part("codec", part(1), {})
    two.save_part("lips", part(2), {})
    assert set(ModelStore(tmp_path).parts) == {"codec", "lips"}


def test_create_again_keeps_the_parts_but_not_under_another_config(tmp_path: Path) -> None:
    create(tmp_path).save_part("codec", part(1), {})
    assert create(tmp_path).parts == ("codec",)
    other = dataclasses.replace(load_config("tiny"), name="other")
    with pytest.raises(WeightsError, match="choose another folder"):
        ModelStore.create(tmp_path, other, "CC0", {})


def test_only_the_current_file_of_a_part_stays(tmp_path: Path) -> None:
    store = create(tmp_path)
    store.save_part("codec", part(1), {})
    kept = store.save_part("codec", part(2), {})
    assert [p.name for p in tmp_path.glob("codec-*")] == [kept.name]


def test_save_interrupted_before_the_card_leaves_the_old_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = create(tmp_path)
    store.save_part("codec", part(1), {})

    def interrupted(self: ModelStore) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ModelStore, "_write_card", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.save_part("codec", part(2), {})
    assert seed_in(tmp_path) == 1
    ModelStore(tmp_path).save_part("codec", part(3), {})
    assert seed_in(tmp_path) == 3 and len(list(tmp_path.glob("codec-*"))) == 1


def _save_for_ever(folder: Path) -> None:
    torch.set_num_threads(1)
    store, seed = ModelStore(folder), 1
    while True:
        seed += 1
        store.save_part("codec", part(seed), {})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_killed_save_leaves_a_whole_model(tmp_path: Path) -> None:
    create(tmp_path).save_part("codec", part(1), {})
    seen = set()
    for pause in (0.05, 0.11, 0.17, 0.23):
        child = multiprocessing.get_context("fork").Process(target=_save_for_ever, args=(tmp_path,))
        child.start()
        time.sleep(pause)
        assert child.pid is not None and child.is_alive()
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        seen.add(seed_in(tmp_path))
    assert max(seen) > 1


def test_damaged_file_names_itself_and_both_checksums(tmp_path: Path) -> None:
    store = create(tmp_path)
    path = store.save_part("codec", part(1), {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError) as error:
        store.load_part("codec", part(2))
    message = str(error.value)
    assert str(path) in message and store.card["files"]["codec"]["sha256"] in message and "damaged" in message
    assert "imagintalk train codec" in message and "\n" not in message


def test_missing_file_and_missing_part(tmp_path: Path) -> None:
    store = create(tmp_path)
    store.save_part("codec", part(1), {}).unlink()
    with pytest.raises(WeightsError, match="file is missing"):
        store.load_part("codec", part(2))
    with pytest.raises(WeightsError, match="expected the part lips, it has codec"):
        store.load_part("lips", part(2))


def test_weights_that_do_not_fit_leave_the_module_alone(tmp_path: Path) -> None:
    store = create(tmp_path)
    store.save_part("codec", part(1), {})
    wide = part(2, width=8)
    before = wide.head.bias.clone()
    with pytest.raises(WeightsError, match=r"head.bias expected \(8,\), got \(6,\)"):
        store.load_part("codec", wide)
    torch.testing.assert_close(wide.head.bias, before)
    extra, fewer = part(3), nn.Linear(6, 6)
    extra.register_buffer("more", torch.zeros(1))
    with pytest.raises(WeightsError, match="more is missing"):
        store.load_part("codec", extra)
    with pytest.raises(WeightsError, match="is unknown"):
        store.load_part("codec", fewer)


def forge(store: ModelStore, tensors: dict[str, torch.Tensor] | None, metadata: dict[str, str]) -> None:
    """Replace the codec's file and enter its true checksum."""
    card = store.card
    path = store.folder / card["files"]["codec"]["file"]
    if tensors is None:
        path.write_bytes(b"no safetensors")
    else:
        save_file(tensors, path, metadata=metadata)
    card["files"]["codec"]["sha256"] = models.sha256_of(path)
    (store.folder / MODEL_FILE).write_text(json.dumps(card), encoding="utf-8")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"imagintalk": "lips, format 1"}, "expected the label .*codec.*, got .*lips"),
        ({"imagintalk": "codec, format 2"}, "got .*format 2"),
        ({}, "got {}"),
    ],
)
def test_right_checksum_of_the_wrong_thing(metadata: dict[str, str], reason: str, tmp_path: Path) -> None:
    store = create(tmp_path)
    store.save_part("codec", part(1), {})
    forge(store, {"x": torch.zeros(1)}, metadata)
    with pytest.raises(WeightsError, match=reason):
        ModelStore(tmp_path).load_part("codec", part(2))
    forge(store, None, {})
    with pytest.raises(WeightsError, match="expected a safetensors file"):
        ModelStore(tmp_path).load_part("codec", part(2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "description of a model"),
        ("[]", "description of a model"),
        ('{"format": 2, "files": {}}', "expected format 1, got 2; update"),
        ('{"format": 1, "files": {}}', "keys are missing"),
        ('{"format": 1, "files": {"codec": 3}}', "description of a model"),
    ],
)
def test_damaged_model_json(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / MODEL_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(WeightsError, match=reason):
        ModelStore(tmp_path)


def test_config_of_another_version_is_a_weights_error(tmp_path: Path) -> None:
    create(tmp_path)
    card = json.loads((tmp_path / MODEL_FILE).read_text(encoding="utf-8"))
    card["config"]["codec"]["colour"] = "red"
    (tmp_path / MODEL_FILE).write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(WeightsError, match="colour.*another version"):
        ModelStore(tmp_path).config  # noqa: B018


def test_models_are_found_embedded_in_the_users_folder_and_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "EMBEDDED_MODELS", tmp_path / "package")
    monkeypatch.setattr(models.platformdirs, "user_data_dir", lambda name: str(tmp_path / "home" / name))
    create(tmp_path / "package" / "small")
    create(tmp_path / "home" / "imagintalk" / "models" / "mine")
    create(tmp_path / "elsewhere")
    assert find_model() == tmp_path / "package" / "small"
    assert find_model("mine") == tmp_path / "home" / "imagintalk" / "models" / "mine"
    assert find_model(str(tmp_path / "elsewhere")) == tmp_path / "elsewhere"
    with pytest.raises(WeightsError, match="yours: no such model; expected one of mine, small"):
        find_model("yours")
