"""The codec learns one batch (lips, language, style and diffusion: see their own tests)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from imagintalk.config import load_config
from imagintalk.data.cache import read_cache
from imagintalk.training.codec_stage import RECIPE, CodecStage
from imagintalk.training.loop import Run, RunOptions


def test_codec_overfits_one_batch(made_up_cache: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = dataclasses.replace(RECIPE, steps=10_000, learning_rate=3e-3, warmup=1)
    stage = CodecStage(load_config("tiny").codec, read_cache(made_up_cache), recipe)
    run = Run(stage, RunOptions(tmp_path, device="cpu", precision="no"))
    stage.before_step(0, run.average)  # fits encoder and codebooks
    batch = stage.batch(np.random.default_rng(0))
    metrics = [stage.update(batch, step) for step in range(40)]
    for loss, share in (("spectral", 0.7), ("prosody", 0.5)):
        assert min(step[loss] for step in metrics[-5:]) < share * metrics[0][loss], loss
