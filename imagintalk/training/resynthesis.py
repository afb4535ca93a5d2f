"""Recordings as the codec leaves them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from imagintalk.codec.codec import Codec
from imagintalk.data.cache import Example
from imagintalk.training.code_table import CodeTable


def through_codec(example: Example, codec: Codec, codes: CodeTable, levels: int | None = None) -> NDArray[np.float32]:
    """(N,) at 24 kHz: the recording coded and decoded, from its coarsest `levels` or from all."""
    kept = torch.from_numpy(codes[example])[None, :levels]
    made: NDArray[np.float32] = codec.decode(kept)[0].float().numpy()
    return made[: len(example.samples)]
