"""What one training stage tells the loop: its data, its objective, how it is judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from imagintalk.training.average import WeightAverage

Batch = dict[str, Any]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """How long and how fast a stage trains."""

    steps: int
    learning_rate: float
    warmup: int = 200
    decay_share: float = 0.3
    """The learning rate falls linearly to zero over this last share of the steps."""
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    validate_every: int = 250


class Stage(ABC):
    """One trained stage. Subclasses set the attributes in their constructor."""

    name: str
    objective: nn.Module
    """forward(batch) -> (loss, metrics); everything that is trained is inside."""
    parts: dict[str, nn.Module]
    """What is shipped: parts of the objective, by their name in the weights store."""
    recipe: Recipe

    @abstractmethod
    def batch(self, rng: np.random.Generator) -> Batch:
        """A training batch that depends on `rng` alone, so that a resumed run sees what an unbroken one sees."""

    @abstractmethod
    def validate(self) -> Metrics:
        """Figures on the validation split with the averaged weights; `score` decides what is best, lower is better."""

    def prepare(self, accelerator: Accelerator) -> None:
        """Make optimizers and hand all to accelerate."""
        self.accelerator = accelerator
        trained = [p for p in self.objective.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=self.recipe.learning_rate, betas=(0.9, 0.98), weight_decay=self.recipe.weight_decay
        )
        self.wrapped, self.optimizer = accelerator.prepare(self.objective, optimizer)

    def before_step(self, step: int, average: WeightAverage) -> None:  # noqa: B027
        """Changes of regime: called before each step."""

    def update(self, batch: Batch, step: int) -> Metrics:
        """One step of training."""
        self.wrapped.train()
        with self.accelerator.autocast():
            loss, metrics = self.wrapped(batch)
        self.descend(loss, self.optimizer, self.objective)
        return metrics

    def descend(self, loss: Tensor, optimizer: torch.optim.Optimizer, module: nn.Module) -> None:
        """Backward, clip, step."""
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(module.parameters(), self.recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """All optimizers, in a fixed order."""
        return [self.optimizer]

    def extra_state(self) -> dict[str, Any]:
        """What else a resume needs."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Take what `extra_state` gave."""
