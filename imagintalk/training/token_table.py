"""Content tokens of every example, read from its sound once at the start of a stage."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from imagintalk.data.cache import Example
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE
from imagintalk.tokens.tokenizer import Tokenizer


def ear_samples(example: Example) -> NDArray[np.float32]:
    """(N,) at 16 kHz."""
    heard: NDArray[np.float32] = soxr.resample(example.samples, SAMPLE_RATE, EAR_SAMPLE_RATE)
    return heard


class TokenTable:
    """ids (T50,) of each example, by corpus and name."""

    def __init__(self, examples: list[Example], tokenizer: Tokenizer) -> None:
        self._ids = {(e.corpus, e.name): tokenizer.encode(ear_samples(e)) for e in examples}

    def __getitem__(self, example: Example) -> NDArray[np.int64]:
        return self._ids[example.corpus, example.name]
