"""A lab with a small random model and one drawn clip under GRID names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def grid_data(talking_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with grid/s1 and s4: the first clip by name is of the test split, the sixth of the validation split."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("s1", "s4"):
        talker = folder / "grid" / name
        talker.mkdir(parents=True)
        for letter in "abcdef":
            shutil.copy(talking_clip, talker / f"bba{letter}2n.mp4")
    return folder


@pytest.fixture(scope="session")
def lab(tiny_model: Path, grid_data: Path, tmp_path_factory: pytest.TempPathFactory):  # noqa: ANN201
    """Its own ears have random weights."""
    import torch

    from imagintalk.config import load_config
    from imagintalk.evaluation.ears.emotion import EmotionNetwork
    from imagintalk.evaluation.ears.slots import SlotNetwork
    from imagintalk.evaluation.ears.store import save_ear
    from imagintalk.experiments.ears import Ears
    from imagintalk.experiments.lab import Lab, Places
    from imagintalk.models import ModelStore
    from imagintalk.pipeline import Pipeline
    from imagintalk.style.voices import Preset, save_presets
    from imagintalk.tokens.build import build_tokenizer

    folder = tmp_path_factory.mktemp("model") / "tiny"
    shutil.copytree(tiny_model, folder)
    chance = np.random.default_rng(0)
    config = load_config("tiny")
    tokenizer = build_tokenizer(config.tokens)
    torch.manual_seed(0)
    tokenizer.projection.normal_()
    tokenizer.centroids.normal_()
    ModelStore(folder).save_part("tokens", tokenizer, {})
    vectors = np.abs(chance.normal(size=(2, 256)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    save_presets(folder, [Preset(n, "made up", "CC0", tuple(v)) for n, v in zip("ab", vectors.tolist(), strict=True)])
    ears = tmp_path_factory.mktemp("ears")
    save_ear("emotion", EmotionNetwork(), {}, ears)
    save_ear("slots", SlotNetwork(), {}, ears)
    places = Places(grid_data, tmp_path_factory.mktemp("cache"))
    made = Lab(Pipeline.load(folder, "cpu"), places, seed=0)
    made.ears = Ears(ears)
    return made
