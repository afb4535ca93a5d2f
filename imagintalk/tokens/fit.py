"""Learn a k-means tokenizer from recordings.

○ Ours: where word times are known, a linear discriminant analysis turns the features towards what tells the parts of
words apart and away from what does not, before k-means; measured against plain k-means in benchmarks/tokens.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from imagintalk.errors import DataError
from imagintalk.rates import TOKEN_HZ
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.tokens.tokenizer import checked_samples, frame_count

SILENT = 0.8
"""A cluster is silent when at least so much of it lies between words."""
_PARTS = 3
"""Of a word: its beginning, middle and end."""
_SHRINKAGE = 1e-3
_UNKNOWN = -1


@dataclass(frozen=True)
class Utterance:
    """What a tokenizer is learnt from."""

    samples: NDArray[np.float32]
    """(N,) 16 kHz."""
    words: tuple[tuple[float, float, str], ...] = ()
    """(start, end, word) in seconds; empty: not known."""


@torch.no_grad()
def fit_kmeans(tokenizer: KMeansTokenizer, utterances: Sequence[Utterance], seed: int) -> None:
    """Fill mean, projection and centroids; the same input and seed give the same tokens.

    The weights are rounded to the half precision in which they are stored. Raises DataError when there is too little.
    """
    sounds = [(checked_samples(u.samples), u.words) for u in utterances]
    sounds = [(samples, words) for samples, words in sounds if frame_count(len(samples))]
    frames = sum(frame_count(len(samples)) for samples, _ in sounds)
    needed = max(tokenizer.size, tokenizer.projection.shape[1] + 1)
    if frames < needed:
        raise DataError(f"tokens: expected at least {needed} frames of sound to learn from, got {frames}")
    features = torch.cat([tokenizer.features(samples) for samples, _ in sounds]).numpy()
    labels = _word_parts([(frame_count(len(samples)), words) for samples, words in sounds])
    mean, projection = _projection(features, labels, tokenizer.projection.shape[1])
    tokenizer.mean.copy_(torch.from_numpy(mean).half())
    tokenizer.projection.copy_(torch.from_numpy(projection).half())
    points = ((torch.from_numpy(features) - tokenizer.mean) @ tokenizer.projection).numpy()
    kmeans = MiniBatchKMeans(
        tokenizer.size, batch_size=4096, max_iter=40, n_init=2, init_size=10 * tokenizer.size, random_state=seed
    )
    tokenizer.centroids.copy_(torch.from_numpy(kmeans.fit(points).cluster_centers_).half())
    tokenizer.silent.copy_(torch.from_numpy(_silent(kmeans.labels_, labels, tokenizer.size)))


def _silent(clusters: NDArray[np.int64], labels: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """(size,) which clusters lie between words; none where no word times are known."""
    known = labels != _UNKNOWN
    frames = np.bincount(clusters[known], minlength=size)
    between = np.bincount(clusters[known & (labels == 0)], minlength=size)
    return (frames > 0) & (between >= SILENT * frames)


def _word_parts(utterances: Sequence[tuple[int, tuple[tuple[float, float, str], ...]]]) -> NDArray[np.int64]:
    """(sum of frames,) 0 between words, a number for each part of each word, -1 where word times are not known."""
    numbers: dict[str, int] = {}
    labels = []
    for frames, words in utterances:
        label = np.full(frames, 0 if words else _UNKNOWN)
        for start, end, word in words:
            first = 1 + _PARTS * numbers.setdefault(word, len(numbers))
            span = np.arange(round(start * TOKEN_HZ), min(frames, round(end * TOKEN_HZ)))
            part = (span - start * TOKEN_HZ) / ((end - start) * TOKEN_HZ) * _PARTS
            label[span] = first + np.clip(part.astype(np.int64), 0, _PARTS - 1)
        labels.append(label)
    return np.concatenate(labels)


def _projection(
    features: NDArray[np.float32], labels: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (width,) and projection (width, size): discriminant where there are classes enough, else principal."""
    known = labels != _UNKNOWN
    if len(np.unique(labels[known])) > size:
        found = LinearDiscriminantAnalysis(solver="eigen", shrinkage=_SHRINKAGE).fit(features[known], labels[known])
        return features.mean(axis=0), found.scalings_[:, :size]
    principal = PCA(size, random_state=0).fit(features)
    return principal.mean_, principal.components_.T
