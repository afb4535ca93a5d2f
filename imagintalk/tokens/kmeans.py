"""Tokens that are the nearest of learnt points: of cepstra, of a phoneme model's output, or of HuBERT."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from imagintalk.tokens.tokenizer import FrameFeatures, checked_samples, frame_count


class KMeansTokenizer(nn.Module):
    """Features less `mean`, through `projection`, to the nearest of `centroids`; filled by `fit.py` or the store.

    mean: (width,), projection: (width, d), centroids: (size, d); all float32.
    """

    mean: torch.Tensor
    projection: torch.Tensor
    centroids: torch.Tensor

    def __init__(self, features: FrameFeatures, size: int) -> None:
        super().__init__()
        self.features = features
        self.size = size
        self.register_buffer("mean", torch.zeros(features.width))
        self.register_buffer("projection", torch.zeros(features.width, features.projected))
        self.register_buffer("centroids", torch.zeros(size, features.projected))

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
        tokens: NDArray[np.int64] = torch.cdist(self.project(samples), self.centroids).argmin(dim=1).cpu().numpy()
        return tokens
