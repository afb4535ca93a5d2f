"""Content tokens: what is said, 50 times a second, read from sound when training (DESIGN section 2).

The paper projects lips to discrete speech tokens; which tokens is our choice, by measurement
(benchmarks/tokens.py).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from imagintalk.errors import DataError
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE, TOKEN_HZ, exact_ratio

EAR_SAMPLES_PER_TOKEN: int = exact_ratio(EAR_SAMPLE_RATE, TOKEN_HZ)


class Tokenizer(Protocol):
    """Sound to content tokens. Every tokenizer is a torch module as well, so that the weights store keeps it."""

    @property
    def size(self) -> int:
        """Number of tokens, without special ones."""

    @property
    def centroids(self) -> torch.Tensor:
        """(size, d) float32, what each token sounds like; near vectors sound alike."""

    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """(T50,) token ids, 50 Hz, of (N,) samples at 16 kHz; T50 = round(N / 320). Raises DataError."""


class FrameFeatures(Protocol):
    """A vector for each token frame; frame t is centred on sample 320 t + 160."""

    @property
    def width(self) -> int:
        """Size of a vector."""

    @property
    def projected(self) -> int:
        """Size that a fitted projection brings it down to."""

    def __call__(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """(T50, width) float32 of (N,) samples at 16 kHz, N at least one frame."""


def frame_count(samples: int) -> int:
    """Token frames of so many samples at 16 kHz: round(seconds * 50), half to even."""
    return round(Fraction(samples, EAR_SAMPLES_PER_TOKEN))


def tokens_of(tokenizer: Tokenizer, samples: NDArray[np.float32], frames: int) -> NDArray[np.int64]:
    """(frames,) token ids, 50 Hz, of (N,) samples at 24 kHz; the last one is held where the sound ends early.

    Raises DataError, also when there is no whole frame.
    """
    ids = tokenizer.encode(soxr.resample(samples, SAMPLE_RATE, EAR_SAMPLE_RATE))[:frames]
    if not len(ids):
        raise DataError(f"sound: expected a token frame or more at {TOKEN_HZ} Hz, got {len(samples)} samples")
    return np.pad(ids, (0, frames - len(ids)), mode="edge")


def checked_samples(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The samples without their mean, so that an offset of the recording is silence.

    Raises DataError unless they are (N,) finite numbers.
    """
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise DataError(
            f"sound: expected (N,) finite samples, got shape {samples.shape}; give one channel of real sound"
        )
    return samples - samples.mean() if samples.size else samples
