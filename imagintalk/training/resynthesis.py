"""Recordings as the codec leaves them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from imagintalk.codec.codec import Codec
from imagintalk.data.cache import Example
from imagintalk.training.code_table import CodeTable


def through_codec(example: Example, codec: Codec, codes: CodeTable) -> NDArray[np.float32]:
    """(N,) at 24 kHz: the recording coded and decoded."""
    made: NDArray[np.float32] = codec.decode(torch.from_numpy(codes[example])[None])[0].float().numpy()
    return made[: len(example.samples)]
