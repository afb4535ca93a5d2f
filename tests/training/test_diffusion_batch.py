"""A training piece is the same stretch of time in tokens and in codes, at any codec's rate."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from imagintalk.codec.codec import Codec
from imagintalk.config import load_config
from imagintalk.data.cache import read_cache, write_index
from imagintalk.data.recording import Recording
from imagintalk.refine.language import TokenLanguageModel
from imagintalk.training.diffusion_stage import DiffusionStage

SECONDS = 8


@pytest.mark.parametrize("rate", [50, 75])
def test_tokens_and_codes_of_a_piece_are_of_one_time(rate: int, tmp_path: Path) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    write_index(folder, "speech", [Recording("one", folder / "none.wav", "t", "train", False)])
    np.savez(folder / "t_one.voice.npz", ge2e=np.ones(256, np.float32) / 16)
    np.savez(folder / "t_one.sound.npz", samples=np.arange(24_000 * SECONDS).astype(np.int16))
    examples = read_cache(tmp_path)
    tiny = load_config("tiny")
    codec = dataclasses.replace(tiny.codec, frame_rate=rate)
    config = dataclasses.replace(tiny, codec=codec)
    # Each token and each code is the number of its video frame, as far as the codebook reaches.
    times = {50: np.arange(50 * SECONDS) // 2, rate: np.arange(rate * SECONDS) // (rate // 25)}
    ids = {examples[0]: times[50]}
    codes = {examples[0]: np.tile(times[rate], (codec.levels, 1))}

    class Lookup:
        def __init__(self, values: dict) -> None:
            self.values = values

        def __getitem__(self, example: object) -> np.ndarray:
            return self.values[examples[0]]

        def draw(self, example: object, rng: object) -> np.ndarray:
            return self.values[examples[0]]

        def __contains__(self, example: object) -> bool:
            return bool(self.values)

    stage = DiffusionStage(
        config,
        examples,
        Lookup(ids),
        Lookup(ids),
        Lookup({}),
        Lookup(codes),
        TokenLanguageModel(config.language, config.tokens),
        Codec(codec),
    )
    starts, prompted = set(), 0
    for seed in range(8):
        batch = stage.batch(np.random.default_rng(seed))
        for row in range(len(batch["ids"])):
            tokens, piece = batch["ids"][row], batch["codes"][row, 0]
            assert len(tokens) == batch["lengths"][row] == 150 and len(piece) == batch["code_lengths"][row] == 3 * rate
            assert torch.equal(tokens[::2], piece[:: rate // 25])
            starts.add(int(tokens[0]))
            if "prompt_ids" in batch:
                prompted += 1
                heard, sounding = batch["prompt_ids"][row], batch["prompt_codes"][row, 0]
                assert 40 <= len(heard) <= 100
                assert torch.equal(heard[::2], sounding[:: rate // 25])
                assert not set(heard.tolist()) & set(tokens.tolist())  # or it would learn to repeat what it heard
    assert len(starts) > 3
    assert 0 < prompted < 8 * len(batch["ids"])
