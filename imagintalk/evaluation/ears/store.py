"""Weights of the listening networks: one safetensors file each, half precision, with what it was trained on inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from imagintalk.errors import WeightsError
from imagintalk.media.files import whole_file

EMBEDDED = Path(__file__).parents[1] / "weights"
"""What ships with the program."""
_FACTS = "imagintalk"
"""The one entry of the file's metadata, JSON; one, because safetensors writes several in random order."""


def ear_file(ear: str, folder: Path) -> Path:
    """Where the weights of an ear lie in a folder."""
    return folder / f"{ear}.safetensors"


def save_ear(ear: str, network: nn.Module, facts: Mapping[str, Any], folder: Path) -> Path:
    """Write an ear's weights and facts (plain values) into `folder`, and give the file.

    Raises WeightsError when a weight is not finite, OutputError when the file cannot be written.
    """
    tensors = {}
    for name, tensor in network.state_dict().items():
        stored = tensor.detach().cpu().contiguous()
        tensors[name] = stored.half() if stored.is_floating_point() else stored
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{ear}.{name}: expected finite weights, the training has diverged; train it anew")
    folder.mkdir(parents=True, exist_ok=True)
    path = ear_file(ear, folder)
    with whole_file(path) as partial:
        partial.write_bytes(save(tensors, metadata={_FACTS: json.dumps({"ear": ear, **facts}, sort_keys=True)}))
    return path


def load_ear(ear: str, network: nn.Module, folder: Path = EMBEDDED) -> dict[str, Any]:
    """Fill a network with an ear's weights, put it into evaluation mode, and give the facts stored beside them.

    Raises WeightsError: no such file, damaged, another ear, or of other sizes.
    """
    path, again = ear_file(ear, folder), f"train it with `imagintalk train {ear}` or install the program again"
    if not path.is_file():
        raise WeightsError(f"{path}: expected the weights of the ear {ear}, found nothing; {again}")
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads((file.metadata() or {}).get(_FACTS, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: expected a safetensors file, it is damaged ({error}); {again}") from None
    if facts.get("ear") != ear:
        raise WeightsError(f"{path}: expected weights of the ear {ear}, got {facts.get('ear')!r}; {again}")
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"{path}: expected weights that fit this version of the program; {again}: {error}") from None
    network.eval()
    return facts
