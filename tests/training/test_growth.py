"""A network that is given further inputs begins as the function that it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from imagintalk.config import load_config
from imagintalk.errors import WeightsError
from imagintalk.models import ModelStore
from imagintalk.training.growth import start_from


def stored(folder: Path, module: nn.Module) -> ModelStore:
    store = ModelStore.create(folder / "model", load_config("tiny"), "CC0", {})
    store.save_part("diffusion", module, {})
    return store


def test_further_inputs_change_nothing_at_first(tmp_path: Path) -> None:
    small, large = nn.Linear(4, 3), nn.Linear(6, 3)
    start_from(stored(tmp_path, small), "diffusion", large)
    x = torch.randn(5, 6)
    torch.testing.assert_close(large(x), small(x[:, :4]), rtol=1e-2, atol=1e-2)  # stored in half precision
    large(x).sum().backward()
    assert large.weight.grad is not None and large.weight.grad[:, 4:].abs().min() > 0


def test_a_larger_or_another_network_is_refused(tmp_path: Path) -> None:
    store = stored(tmp_path, nn.Linear(4, 3))
    with pytest.raises(WeightsError, match="weight: expected at most"):
        start_from(store, "diffusion", nn.Linear(2, 3))
    with pytest.raises(WeightsError, match="no such weights"):
        start_from(store, "diffusion", nn.Identity())
