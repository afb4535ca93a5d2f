"""Masked feature m_t: one embedding per RVQ level, summed (from the paper's architecture figure)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imagintalk.errors import WeightsError


class MaskedFeature(nn.Module):
    """Codes, [MASK] included, to m_t."""

    def __init__(self, levels: int, codebook_size: int, width: int) -> None:
        super().__init__()
        self.levels, self.codebook_size, self.width = levels, codebook_size, width
        # One table for all levels: level l owns rows l * (size + 1) and on; its last row is [MASK].
        self.table = nn.EmbeddingBag(levels * (codebook_size + 1), width, mode="sum")
        nn.init.normal_(self.table.weight, std=levels**-0.5)

    def forward(self, codes: Tensor) -> Tensor:
        """codes: (batch, levels, frames), int64, 0..size with [MASK] = size. Returns (batch, frames, width)."""
        batch, levels, frames = codes.shape
        first = torch.arange(levels, device=codes.device) * (self.codebook_size + 1)
        rows = (codes + first[:, None]).transpose(1, 2).reshape(batch * frames, levels)
        summed: Tensor = self.table(rows)
        return summed.view(batch, frames, self.width)

    @torch.no_grad()
    def start_from(self, codebooks: Tensor, projection: Tensor | None = None) -> None:
        """Warm start, our choice: codes that sound alike start alike, and m_t starts as the codec's own latent.

        codebooks: (levels, size, dimension) of the codec. projection: (dimension, width), shared by all levels; None is
        the identity where the sizes agree and a fixed random one elsewhere. One scale for all levels gives m_t unit
        size. [MASK] rows keep their random start. Raises WeightsError if the codebooks do not fit.
        """
        rows = project_codebooks(codebooks, self.levels, self.codebook_size, self.width, projection)
        scale = rows.square().mean(dim=(1, 2)).sum().rsqrt()
        tables = self.table.weight.view(self.levels, self.codebook_size + 1, self.width)
        tables[:, :-1] = (rows * scale).to(tables)


def project_codebooks(
    codebooks: Tensor, levels: int, codebook_size: int, width: int, projection: Tensor | None = None
) -> Tensor:
    """Codebooks (levels, size, dimension) in another width: (levels, size, width), each level's mean taken off.

    Raises WeightsError if the number of levels or entries differs.
    """
    if codebooks.shape[:2] != (levels, codebook_size):
        raise WeightsError(
            f"codec codebooks: expected {levels} levels of {codebook_size}, got {tuple(codebooks.shape[:2])}; "
            "use the codec that the config describes"
        )
    dimension = codebooks.shape[2]
    if projection is None and dimension == width:
        projection = torch.eye(width)
    elif projection is None:
        generator = torch.Generator().manual_seed(0)
        projection = torch.randn(dimension, width, generator=generator) * dimension**-0.5
    centred = codebooks.float() - codebooks.float().mean(1, keepdim=True)
    return centred @ projection.to(centred)
