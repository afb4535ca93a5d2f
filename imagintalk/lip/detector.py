"""Error detector: how well does the chosen token fit what the lips show?

A trained detector of misaligned tokens, and 0.9 as the similarity below which a token counts as misaligned, are the
paper's (arXiv 2503.14928); its network, its target and the adaptive rule are our choices.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from imagintalk.config import DetectorConfig, LipsConfig
from imagintalk.errors import ConfigError
from imagintalk.lip.frames import valid_frames

CORRUPTED = 0.3
"""Share of training frames whose token is replaced by a random one."""
CORRECT = 0.2
"""Share of training frames whose token is the true one."""


class ErrorDetector(nn.Module):
    """Lip features and token embeddings -> similarity (B, T50) in [-1, 1], 50 Hz: cosine of two projections."""

    def __init__(self, config: LipsConfig) -> None:
        super().__init__()
        width = config.detector_width
        self.lips = nn.ModuleList(
            [nn.Conv1d(config.token_width, width, 5, padding=2), nn.Conv1d(width, width, 5, padding=2)]
        )
        self.lip_output = nn.Linear(width, width)
        self.token = nn.Sequential(nn.Linear(config.token_width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, features: Tensor, embedding: Tensor, lengths: Tensor) -> Tensor:
        """Features z and embedding of the chosen token (B, T50, token_width), lengths (B,) in 50 Hz frames."""
        keep = valid_frames(lengths, features.shape[1])[:, None]
        x = functional.layer_norm(features, features.shape[-1:]).transpose(1, 2)
        for convolution in self.lips:
            x = functional.gelu(convolution(x * keep))
        lips = self.lip_output(x.transpose(1, 2))
        # Embeddings count by direction only, as in the token projector.
        token = self.token(functional.layer_norm(embedding, embedding.shape[-1:]))
        return functional.cosine_similarity(lips.float(), token.float(), dim=-1)


def similarity_table(centroids: Tensor) -> Tensor:
    """Acoustic centroids of the tokens (size, D) -> cosine of each pair (size, size), 1 on the diagonal.

    Each dimension is standardised over the tokens first: raw acoustic features share one large mean, and every pair
    would look alike.
    """
    standard = (centroids - centroids.mean(0)) / centroids.std(0).clamp(min=1e-6)
    unit = functional.normalize(standard, dim=-1)
    table = (unit @ unit.T).clamp(-1.0, 1.0)
    return table.fill_diagonal_(1.0)


def corrupted(predicted: Tensor, truth: Tensor, size: int, generator: Generator) -> Tensor:
    """Tokens to judge in training, (B, T50): mostly the aligner's own, some random, some true.

    On its own training clips the aligner errs too seldom to learn from, hence the random ones.
    """
    draw = torch.rand(predicted.shape, generator=generator).to(predicted.device)
    anything = torch.randint(0, size, predicted.shape, generator=generator).to(predicted.device)
    return torch.where(draw < CORRUPTED, anything, torch.where(draw < CORRUPTED + CORRECT, truth, predicted))


def detector_loss(similarity: Tensor, chosen: Tensor, truth: Tensor, table: Tensor, lengths: Tensor) -> Tensor:
    """Mean squared error to the similarity of the chosen and the true token in `table` (size, size) -> scalar.

    Similarity, chosen and truth (B, T50), lengths (B,) in 50 Hz frames.
    """
    valid = valid_frames(lengths, chosen.shape[1])
    return functional.mse_loss(similarity[valid], table[chosen[valid], truth[valid]])


def misaligned(similarity: Tensor, config: DetectorConfig, lengths: Tensor) -> Tensor:
    """Similarity (B, T50), lengths (B,) in 50 Hz frames -> (B, T50) bool, True where the token is to be refilled.

    `fixed`: below `threshold`. `adaptive`: the lowest `fraction` of each clip's frames. Padding is never misaligned.
    Raises ConfigError for another mode.
    """
    valid = valid_frames(lengths, similarity.shape[1])
    if config.mode == "fixed":
        return (similarity < config.threshold) & valid
    if config.mode == "adaptive":
        rank = similarity.masked_fill(~valid, float("inf")).argsort(dim=1, stable=True).argsort(dim=1)
        return (rank < (config.fraction * lengths).round()[:, None]) & valid
    raise ConfigError(f"detector.mode: expected fixed or adaptive, got {config.mode!r}")
