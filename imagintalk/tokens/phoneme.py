"""Phonemes heard by hama's recogniser (Apache-2.0): `phoneme` tokens, and features for k-means over its posteriors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

import numpy as np
import torch
from hama import ASRModel
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from imagintalk.errors import DataError
from imagintalk.tokens.cepstra import Cepstra
from imagintalk.tokens.tokenizer import checked_samples, frame_count

_PEAK = 0.5
"""Hama's answer depends on the level, so every recording is brought to one."""
_CONTEXT = 3
"""Frames to either side: its connectionist training makes it answer in single frames."""
_FLOOR = 1e-4


@cache
def _recogniser() -> ASRModel:
    return ASRModel()


def symbols() -> tuple[str, ...]:
    """Hama's symbols by their number: those of the phonetic alphabet, and special ones in <>."""
    return tuple(_recogniser().decoder_tokens)


def posteriors(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T50, 191) probability of each of hama's symbols, of samples (N,) at 16 kHz, N at least one frame."""
    level = _PEAK / max(float(np.abs(samples).max()), 1e-6)
    [log_probs] = _recogniser().session.run(["log_probs"], {"waveform": samples * level})
    frames = frame_count(len(samples))
    # It rounds its own way: one frame more or less at the end.
    probs = np.exp(log_probs[0, :frames])
    return np.pad(probs, ((0, frames - len(probs)), (0, 0)), mode="edge").astype(np.float32)


class PhonemePosteriors:
    """(T50, 1337) log posteriors with context."""

    projected = 40

    def __init__(self) -> None:
        self.width = len(_recogniser().decoder_tokens) * (2 * _CONTEXT + 1)

    def __call__(self, samples: NDArray[np.float32]) -> torch.Tensor:
        logs = torch.from_numpy(posteriors(samples)).add(_FLOOR).log()
        padded = functional.pad(logs.T[None], (_CONTEXT, _CONTEXT), mode="replicate")[0].T
        return torch.cat([padded[i : i + len(logs)] for i in range(2 * _CONTEXT + 1)], dim=1)


class PhonemeTokenizer(nn.Module):
    """Token 0 is silence, token i the symbol `symbols[i - 1]` of hama: its spikes widened until they meet.

    symbols: (size - 1,) int64; centroids: (size, 117) float32, the mean cepstra of each token.
    """

    symbols: torch.Tensor
    centroids: torch.Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._cepstra = Cepstra()
        self.register_buffer("symbols", torch.zeros(size - 1, dtype=torch.int64))
        self.register_buffer("centroids", torch.zeros(size, Cepstra.width))

    def encode(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """(T50,) token ids, 50 Hz, of (N,) samples at 16 kHz; T50 = round(N / 320). Raises DataError."""
        samples = checked_samples(samples)
        tokens = np.zeros(frame_count(len(samples)), dtype=np.int64)
        if not len(tokens):
            return tokens
        best = posteriors(samples).argmax(axis=1)
        known = {int(symbol): token for token, symbol in enumerate(self.symbols, 1)}
        spikes = np.array([t for t, symbol in enumerate(best) if int(symbol) in known], dtype=np.int64)
        if len(spikes):
            nearest = spikes[np.abs(np.arange(len(tokens))[:, None] - spikes).argmin(axis=1)]
            tokens = np.array([known[int(best[t])] for t in nearest], dtype=np.int64)
        tokens[~self._cepstra.speech(samples).numpy()] = 0
        return tokens

    @torch.no_grad()
    def fit(self, sounds: Iterable[NDArray[np.float32]]) -> None:
        """Take the symbols that come most, and the mean sound of each. Raises DataError when there are too few."""
        sounds = [checked_samples(samples) for samples in sounds]
        sounds = [samples for samples in sounds if frame_count(len(samples))]
        blank = _recogniser().blank_id
        heard = Counter(int(s) for samples in sounds for s in posteriors(samples).argmax(axis=1) if s != blank)
        if len(heard) < self.size - 1:
            raise DataError(
                f"phoneme tokens: expected {self.size - 1} symbols in the recordings, heard {len(heard)};"
                " give more recordings or a smaller tokens.size"
            )
        self.symbols.copy_(torch.tensor([symbol for symbol, _ in heard.most_common(self.size - 1)]))
        total, count = torch.zeros_like(self.centroids), torch.zeros(self.size, 1)
        for samples in sounds:
            tokens = torch.from_numpy(self.encode(samples))
            total.index_add_(0, tokens, self._cepstra(samples))
            count.index_add_(0, tokens, torch.ones(len(tokens), 1))
        self.centroids.copy_((total / count.clamp(min=1)).half())
