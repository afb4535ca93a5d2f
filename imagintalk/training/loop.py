"""The training loop: one for every stage, one process or many.

A batch and all randomness of a step depend on (seed, step, process) alone. So the whole state of a run is weights,
optimizers, average and step number, and a resumed run gives the same result as an unbroken one.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.tensorboard import SummaryWriter

from imagintalk.errors import WeightsError
from imagintalk.media.files import whole_file
from imagintalk.training.average import WeightAverage
from imagintalk.training.stage import Metrics, Stage
from imagintalk.types import Notify, Progress

CHECKPOINT_EVERY_S = 60.0


@dataclass(frozen=True)
class RunOptions:
    """Where and how a run goes."""

    folder: Path
    """Checkpoints, TensorBoard curves and log of this stage."""
    seed: int = 0
    device: str = "auto"
    precision: str = "bf16"
    """`bf16` or `no`."""


class Run:
    """One stage's training run in a folder; resumes from the folder's checkpoint when there is one."""

    def __init__(self, stage: Stage, options: RunOptions) -> None:
        self.stage, self.options = stage, options
        self.accelerator = Accelerator(cpu=options.device == "cpu", mixed_precision=options.precision)
        stage.objective.to(self.accelerator.device)
        stage.prepare(self.accelerator)
        self.average = WeightAverage(stage.objective, stage.recipe.ema_decay)
        self.step = 0
        self.best: float | None = None
        options.folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._load()

    @property
    def checkpoint(self) -> Path:
        """All resume state."""
        return self.options.folder / "checkpoint.pt"

    @property
    def best_weights(self) -> Path:
        """Averaged weights of the objective where validation was best."""
        return self.options.folder / "best.pt"

    def train(self, notify: Notify) -> None:
        """Train to the recipe's last step, validating and keeping the best. Ctrl-C leaves the last checkpoint."""
        recipe, main = self.stage.recipe, self.accelerator.is_main_process
        writer = SummaryWriter(self.options.folder / "tensorboard", purge_step=self.step) if main else None
        saved = time.monotonic()
        while self.step < recipe.steps:
            metrics = self._one_step()
            metrics["learning_rate"] = self._learning_rate(self.step)
            self.step += 1
            if main and writer is not None:
                for name, value in metrics.items():
                    writer.add_scalar(f"train/{name}", value, self.step)
                if self.step % recipe.validate_every == 0 or self.step == recipe.steps:
                    self._validate(metrics, writer)
                if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                    self._save()
                    saved = time.monotonic()
            notify(Progress(f"train {self.stage.name}", self.step / recipe.steps))
        if main:
            self._save()
        self.accelerator.wait_for_everyone()  # the best weights are the main process's to write, and everyone's to read

    def _one_step(self) -> Metrics:
        key = (self.options.seed, self.step, self.accelerator.process_index)
        rng = np.random.default_rng(key)
        torch.manual_seed(int(rng.integers(2**62)))
        for optimizer in self.stage.optimizers():
            for group in optimizer.param_groups:
                group["lr"] = self._learning_rate(self.step)
        self.stage.before_step(self.step, self.average)
        batch = self.stage.batch(rng)
        moved = {k: v.to(self.accelerator.device) if torch.is_tensor(v) else v for k, v in batch.items()}
        metrics = self.stage.update(moved, self.step)
        self.average.update(self.step)
        return metrics

    def _learning_rate(self, step: int) -> float:
        recipe = self.stage.recipe
        rise = min(1.0, (step + 1) / max(1, recipe.warmup))
        fall = min(1.0, (recipe.steps - step) / max(1.0, recipe.decay_share * recipe.steps))
        return recipe.learning_rate * rise * fall

    def _validate(self, trained: Metrics, writer: SummaryWriter) -> None:
        self.stage.objective.eval()
        with self.average.in_place(), torch.no_grad():
            torch.manual_seed(0)
            measured = self.stage.validate()
            if self.best is None or measured["score"] <= self.best:
                self.best = measured["score"]
                _write(self.best_weights, {"objective": self.stage.objective.state_dict(), "step": self.step})
        for name, value in measured.items():
            writer.add_scalar(f"validation/{name}", value, self.step)
        line = {"step": self.step, "time": round(time.time()), "train": trained, "validation": measured}
        with (self.options.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        state: dict[str, Any] = {
            "step": self.step,
            "best": self.best,
            "objective": self.stage.objective.state_dict(),
            "average": self.average.values,
            "optimizers": [optimizer.state_dict() for optimizer in self.stage.optimizers()],
            "extra": self.stage.extra_state(),
        }
        _write(self.checkpoint, state)

    def _load(self) -> None:
        state = _read(self.checkpoint)
        try:
            self.stage.objective.load_state_dict(state["objective"])
            for optimizer, values in zip(self.stage.optimizers(), state["optimizers"], strict=True):
                optimizer.load_state_dict(values)
        except (RuntimeError, ValueError) as error:
            raise WeightsError(
                f"{self.checkpoint}: expected a checkpoint of this config; delete it to start anew: {error}"
            ) from None
        self.average.values = {name: value.to(self.accelerator.device) for name, value in state["average"].items()}
        self.stage.load_extra_state(state["extra"])
        self.step, self.best = state["step"], state["best"]

    def load_best(self) -> None:
        """Put the best weights into the stage's objective."""
        self.stage.objective.load_state_dict(_read(self.best_weights)["objective"])


def _write(path: Path, state: dict[str, Any]) -> None:
    with whole_file(path) as partial:
        torch.save(state, partial)


def _read(path: Path) -> dict[str, Any]:
    """On the CPU: several processes would all read onto the GPU of the one that wrote."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
