"""Trains the identity adapter: face identity -> speaker embedding (the paper's acoustic-face alignment stage)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from imagintalk.config import Config
from imagintalk.data.cache import Example, of_split
from imagintalk.errors import DataError
from imagintalk.style.identity import IdentityAdapter, alignment_loss
from imagintalk.training.mix import Mix
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage

RECIPE = Recipe(steps=1500, learning_rate=1e-3, warmup=50, weight_decay=0.05, validate_every=250, ema_decay=0.99)
BATCH = 64
NOISE = 0.02
"""Standard deviation of noise on each identity feature; a face differs from frame to frame by about as much."""


class StyleObjective(nn.Module):
    """Adapter and its loss."""

    def __init__(self, adapter: IdentityAdapter) -> None:
        super().__init__()
        self.adapter = adapter

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        predicted = self.adapter(batch["identity"])
        loss = alignment_loss(predicted, batch["voice"])
        cosine = nn.functional.cosine_similarity(predicted, batch["voice"]).mean()
        return loss, {"loss": float(loss.detach()), "cosine": float(cosine.detach())}


class StyleStage(Stage):
    """Identity adapter on every recording with a picture.

    Few talkers have one, so faces between two talkers are trained to have the voice between theirs (mix-up, ours):
    an unknown face gets a voice among the known ones.
    """

    name = "style"

    def __init__(self, config: Config, examples: list[Example], recipe: Recipe = RECIPE) -> None:
        self.recipe, self.width = recipe, config.style.identity_width
        self.objective = StyleObjective(IdentityAdapter(config.style))
        self.parts = {"style": self.objective.adapter}
        seen = [e for e in examples if e.has_picture]
        talkers = {(e.corpus, e.talker) for e in seen}
        self.talkers = [
            Mix([e for e in of_split(seen, "train") if (e.corpus, e.talker) == t], {}) for t in sorted(talkers)
        ]
        self.validation_set = of_split(seen, "validation")

    def batch(self, rng: np.random.Generator) -> Batch:
        first, second = self._draw(rng), self._draw(rng)
        share = torch.from_numpy(rng.beta(0.4, 0.4, (BATCH, 1)).astype(np.float32))
        identity = share * first[0] + (1 - share) * second[0]
        voice = nn.functional.normalize(share * first[1] + (1 - share) * second[1], dim=1)
        noise = torch.from_numpy(rng.normal(0, NOISE, identity.shape).astype(np.float32))
        return {"identity": identity + noise, "voice": voice}

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        examples = [self.talkers[i].draw(1, rng)[0] for i in rng.integers(len(self.talkers), size=BATCH)]
        return self._stack(examples)

    def validate(self) -> Metrics:
        identity, voice = self._stack(self.validation_set)
        device = self.accelerator.device
        metrics = self.objective({"identity": identity.to(device), "voice": voice.to(device)})[1]
        return metrics | {"score": metrics["loss"]}

    def _stack(self, examples: list[Example]) -> tuple[Tensor, Tensor]:
        """identity (N, width), voice (N, 256). Raises DataError for faces that another backend has read."""
        for example in examples:
            width = len(example.picture["identity"])
            if width != self.width:
                raise DataError(
                    f"{example.folder}: expected face vectors of {self.width} numbers as this config reads them, got"
                    f" {width}; run `imagintalk prepare` with this --config and another --cache"
                )
        identity = np.stack([e.picture["identity"] for e in examples])
        return torch.from_numpy(identity), torch.from_numpy(np.stack([e.voice["ge2e"] for e in examples]))
