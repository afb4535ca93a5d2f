"""From a face to a voice: an MLP that maps a face identity vector to a speaker embedding.

The paper draws ArcFace + FaceNet → concatenation → MLP → c_id (arXiv 2503.14928). Our choices: the target is the 256-d
GE2E speaker embedding of the same talker, with the loss (1 − cos) + L1 + L2, after the sibling paper DEmoFace.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.config import StyleConfig

SPEAKER_WIDTH = 256
"""Size of a GE2E speaker embedding, and of c_id."""


class IdentityAdapter(nn.Module):
    """Face identity vector → c_id."""

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(config.identity_width, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, SPEAKER_WIDTH),
        )

    def forward(self, identity: Tensor) -> Tensor:
        """(batch, identity_width) as the identity backend gives it → (batch, 256), unit length."""
        return functional.normalize(self.layers(functional.normalize(identity, dim=-1)), dim=-1)

    @torch.inference_mode()
    def voice_of(self, identity: NDArray[np.float32]) -> NDArray[np.float32]:
        """(identity_width,) of one face → (256,) c_id, unit length."""
        device = next(self.parameters()).device
        vector: NDArray[np.float32] = self(torch.from_numpy(identity).to(device)[None])[0].cpu().numpy()
        return vector


def alignment_loss(c_id: Tensor, speaker: Tensor) -> Tensor:
    """(1 − cos) + L1 + L2 between unit vectors, (batch, 256) each → scalar.

    L1 and L2 are summed over the vector and averaged over the batch, so that the three terms are of one size.
    """
    difference = c_id - speaker
    cosine = functional.cosine_similarity(c_id, speaker, dim=-1)
    return ((1 - cosine) + difference.abs().sum(dim=-1) + difference.square().sum(dim=-1)).mean()
