"""What one call of `imagintalk train` asks for, whatever it trains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from imagintalk.training.loop import RunOptions
from imagintalk.training.stage import Recipe


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Of an ear, or, with more, of a part of a model (`stages.PartOptions`)."""

    cache: Path
    """Of `imagintalk prepare`."""
    runs: Path
    """Checkpoints, curves and logs, one folder per stage."""
    folder: Path
    """Where finished weights go."""
    steps: int | None = None
    """Instead of the recipe's."""
    seed: int = 0
    device: str = "auto"
    precision: str = "bf16"
    start_from: Path | None = None
    """Folder of a model: whose weights of this stage are where it begins (`growth.start_from`; a run that is resumed
    goes on from its own); of an ear, whose codec the recordings are also heard through, None: the embedded one's."""

    def recipe(self, usual: Recipe) -> Recipe:
        """The stage's recipe with the steps that are asked for."""
        return usual if self.steps is None else dataclasses.replace(usual, steps=self.steps)

    def run(self, stage: str) -> RunOptions:
        """Of the loop, for this stage."""
        return RunOptions(self.runs / stage, self.seed, self.device, self.precision)
