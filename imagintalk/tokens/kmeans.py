"""Tokens that are the nearest of learnt points: of cepstra, of a phoneme model's output, or of HuBERT."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imagintalk.tokens.tokenizer import FrameFeatures, checked_samples, frame_count


class KMeansTokenizer(nn.Module):
    """Features less `mean`, through `projection`, to the nearest of `centroids`; filled by `fit.py` or the store.

    mean: (width,), projection: (width, d), centroids: (size, d); all float32. silent: (size,) bool. All silent
    clusters are one token, the first of them: what tells one silence from another is the room, which no lips show.
    """

    mean: torch.Tensor
    projection: torch.Tensor
    centroids: torch.Tensor
    silent: torch.Tensor

    def __init__(self, features: FrameFeatures, size: int) -> None:
        super().__init__()
        self.features = features
        self.size = size
        self.register_buffer("mean", torch.zeros(features.width))
        self.register_buffer("projection", torch.zeros(features.width, features.projected))
        self.register_buffer("centroids", torch.zeros(size, features.projected))
        self.register_buffer("silent", torch.zeros(size, dtype=torch.bool))

    @torch.no_grad()
    def project(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """(T50, d) of samples (N,) at 16 kHz. Raises DataError."""
        samples = checked_samples(samples)
        if not frame_count(len(samples)):
            return self.centroids[:0]
        return (self.features(samples).to(self.mean.device) - self.mean) @ self.projection

    @torch.no_grad()
    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """(T50,) token ids, 50 Hz, of (N,) samples at 16 kHz; T50 = round(N / 320). Raises DataError."""
        nearest = torch.cdist(self.project(samples), self.centroids).argmin(dim=1)
        if self.silence is not None:
            nearest[self.silent[nearest]] = self.silence
        tokens: NDArray[np.int64] = nearest.cpu().numpy()
        return tokens

    @property
    def silence(self) -> int | None:
        """The token of silence, the first of the silent clusters; None where none is."""
        return int(self.silent.int().argmax()) if self.silent.any() else None
