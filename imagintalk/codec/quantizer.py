"""Residual vector quantiser: encodec's codebooks, with a straight-through path that reaches every level."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from encodec.quantization import ResidualVectorQuantizer
from torch import Tensor

SEARCHED_TOGETHER = 2048
"""Vectors; bounds the memory."""


@dataclass(frozen=True)
class Quantized:
    """What a pass through the quantiser gives."""

    latents: Tensor
    """(batch, dimension, frames), the straight-through sum of the levels used."""
    codes: Tensor
    """(batch, levels, frames) int64."""
    commitment: Tensor
    """Scalar, mean over levels."""


class ResidualQuantizer(ResidualVectorQuantizer):
    """encodec's quantiser with the same weights.

    Its own forward subtracts the straight-through output from the residual, which cancels the gradient of every
    level but the first (see moshi, `quantization/core_vq.py`, for the same remedy): here residuals are taken from
    detached entries and the encoder gets one straight-through gradient, plus the commitment of each level.
    """

    def quantize(self, latents: Tensor, levels: int) -> Quantized:
        """Quantise (batch, dimension, frames) with the first `levels` codebooks."""
        residual, total = latents, torch.zeros_like(latents)
        codes, commitments = [], []
        for layer in self.vq.layers[:levels]:
            entry, code, _ = layer(residual.detach())
            entry = entry.detach()
            commitments.append(torch.nn.functional.mse_loss(residual, entry))
            residual = residual - entry
            total = total + entry
            codes.append(code)
        straight = latents + (total - latents).detach()
        return Quantized(straight, torch.stack(codes, dim=1), torch.stack(commitments).mean())

    def to_codes(self, latents: Tensor, levels: int, beam: int = 1) -> Tensor:
        """Codes (batch, levels, frames) of latents (batch, dimension, frames).

        With `beam` 1 each level takes the entry nearest to what the levels before it left; wider, that many partial
        sums are kept: of a width of 8 the same codebooks err a quarter less.
        """
        batch, dimension, frames = latents.shape
        vectors = latents.transpose(1, 2).reshape(-1, dimension)
        found = [self._search(part, levels, beam) for part in torch.split(vectors, SEARCHED_TOGETHER)]
        return torch.cat(found).reshape(batch, frames, levels).transpose(1, 2)

    def _search(self, vectors: Tensor, levels: int, beam: int) -> Tensor:
        """Codes (count, levels) of vectors (count, dimension)."""
        residual = vectors[:, None]
        codes = torch.zeros(len(vectors), 1, 0, dtype=torch.int64, device=vectors.device)
        for book in self.codebooks[:levels]:
            # |r - b|^2 = [r, 1, |r|^2] . [-2 b, |b|^2, 1]: one product instead of a product and three passes over it.
            length = residual.square().sum(dim=2, keepdim=True)
            entries = torch.cat(
                [-2 * book, book.square().sum(dim=1, keepdim=True), torch.ones_like(book[:, :1])], dim=1
            )
            error = torch.cat([residual, torch.ones_like(length), length], dim=2) @ entries.T
            chosen = error.flatten(1).topk(min(beam, error[0].numel()), largest=False).indices
            parent, code = chosen // len(book), chosen % len(book)
            residual = residual.gather(1, parent[..., None].expand(-1, -1, residual.shape[2])) - book[code]
            codes = codes.gather(1, parent[..., None].expand(-1, -1, codes.shape[2]))
            codes = torch.cat([codes, code[..., None]], dim=2)
        return codes[:, 0]

    def to_latents(self, codes: Tensor) -> Tensor:
        """Latents (batch, dimension, frames) of codes (batch, levels, frames); fewer levels are allowed."""
        return self.vq.decode(codes.transpose(0, 1))

    @torch.no_grad()
    def start(self, latents: Tensor, iterations: int = 15) -> None:
        """Start every codebook by k-means on the residuals of latents (vectors, dimension).

        encodec's own start compares all pairs at once in memory, gigabytes at these sizes.
        """
        residual = latents
        for layer in self.vq.layers:
            book = layer._codebook
            size = book.embed.shape[0]
            means = residual[torch.randint(len(residual), (size,))]
            for _ in range(iterations):
                nearest = torch.cdist(residual, means).argmin(dim=1)
                counts = torch.bincount(nearest, minlength=size).to(residual)
                sums = torch.zeros_like(means).index_add_(0, nearest, residual)
                means = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], means)
            book.embed.copy_(means)
            # As if each entry had been met a few times: old enough not to expire, young enough to move.
            book.cluster_size.fill_(4.0)
            book.embed_avg.copy_(4.0 * means)
            book.inited.fill_(True)
            nearest = torch.cdist(residual, means).argmin(dim=1)
            residual = residual - means[nearest]

    @property
    def codebooks(self) -> Tensor:
        """(levels, entries, dimension)."""
        return torch.stack([layer.codebook for layer in self.vq.layers])
