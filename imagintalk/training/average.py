"""Exponential moving average of a module's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages every floating-point entry of the state dict; the others are taken as they are."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = module
        self.decay = decay
        self.restart()

    def restart(self) -> None:
        """Begin anew from the module's present weights."""
        self.values = {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Fold in the module's weights after step `step`; early steps average over less."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in self.module.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value.detach().to(self.values[name].dtype), 1 - decay)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module holds the averaged weights inside of the block."""
        current: dict[str, Tensor] = {name: value.detach().clone() for name, value in self.module.state_dict().items()}
        self.module.load_state_dict(self.values)
        try:
            yield
        finally:
            self.module.load_state_dict(current)
