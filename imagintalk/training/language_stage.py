"""Trains RoBERTa over content tokens by masked language modelling."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from imagintalk.config import Config
from imagintalk.data.cache import Example, of_split
from imagintalk.refine.language import TokenLanguageModel
from imagintalk.training.mix import Mix
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.training.token_table import TokenTable

RECIPE = Recipe(steps=1500, learning_rate=1e-3, warmup=150, validate_every=250, ema_decay=0.995)
BATCH, FRAMES = 16, 150
SHARES = {"grid": 1.0, "drawn": 0.4, "ravdess": 0.4, "speech": 0.6}


class LanguageObjective(nn.Module):
    """Language model and its loss."""

    def __init__(self, model: TokenLanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        generator = torch.Generator().manual_seed(batch["seed"])
        loss = self.model.loss(batch["ids"], batch["lengths"], generator)
        return loss, {"loss": float(loss.detach())}


class LanguageStage(Stage):
    """RoBERTa over the tokens of every recording with sound."""

    name = "language"

    def __init__(self, config: Config, examples: list[Example], table: TokenTable, recipe: Recipe = RECIPE) -> None:
        self.recipe, self.table = recipe, table
        self.model = TokenLanguageModel(config.language, config.tokens)
        self.objective = LanguageObjective(self.model)
        self.parts = {"language": self.model}
        self.mix = Mix(of_split(examples, "train"), SHARES)
        validation = of_split(examples, "validation")
        # Words that lips will be read for, where there are such recordings.
        self.validation_set = [e for e in validation if e.corpus in ("grid", "drawn")] or validation

    def batch(self, rng: np.random.Generator) -> Batch:
        return _token_batch([self.table[e] for e in self.mix.draw(BATCH, rng)], rng)

    def validate(self) -> Metrics:
        rng = np.random.default_rng(0)
        losses = []
        for start in range(0, len(self.validation_set), BATCH):
            chosen = self.validation_set[start : start + BATCH]
            batch = _token_batch([self.table[e] for e in chosen], rng)
            moved = {k: v.to(self.accelerator.device) if torch.is_tensor(v) else v for k, v in batch.items()}
            losses.append(self.objective(moved)[1]["loss"])
        return {"cross_entropy": float(np.mean(losses)), "score": float(np.mean(losses))}


def _token_batch(tokens: list[np.ndarray], rng: np.random.Generator) -> Batch:
    """ids (B, T50), lengths (B,): a random stretch of up to `FRAMES` of each."""
    ids = torch.zeros(len(tokens), FRAMES, dtype=torch.int64)
    lengths = torch.zeros(len(tokens), dtype=torch.int64)
    for row, all_ids in enumerate(tokens):
        start = int(rng.integers(max(1, len(all_ids) - FRAMES + 1)))
        piece = torch.from_numpy(all_ids[start : start + FRAMES])
        ids[row, : len(piece)] = piece
        lengths[row] = len(piece)
    return {"ids": ids, "lengths": lengths, "seed": int(rng.integers(2**31))}
