"""Where a network goes on from a smaller one of its kind."""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import nn

from imagintalk.errors import WeightsError
from imagintalk.models import ModelStore


@torch.no_grad()
def start_from(store: ModelStore, part: str, module: nn.Module) -> None:
    """Fill a module with a stored part's weights; inputs and units that the part lacks begin at zero.

    So a network that was given further inputs begins as the function that it was, and is trained on from there. A
    tensor that the part lacks altogether stays as the module made it. Raises WeightsError: missing, damaged, or larger
    than the module.
    """
    path = store.checked_file(part)
    known = load_file(path)
    grown = module.state_dict()
    for name, own in grown.items():
        old = known.pop(name, None)
        if old is None:
            continue
        if old.ndim != own.ndim or any(before > now for before, now in zip(old.shape, own.shape, strict=True)):
            raise WeightsError(
                f"{path}: {name}: expected at most {tuple(own.shape)}, got {tuple(old.shape)}; "
                "start from a model of the same config or a smaller one"
            )
        own.zero_()
        own[tuple(slice(size) for size in old.shape)] = old.to(own)
    if known:
        raise WeightsError(f"{path}: {', '.join(sorted(known)[:3])}: this config has no such weights")
    module.load_state_dict(grown)
