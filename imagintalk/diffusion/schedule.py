"""How fast codes turn into [MASK]: the log-linear noise of SEDD (Lou et al. 2024, arXiv 2310.16834).

Our choice: the ImaginTalk paper names score entropy and the absorbing state; the log-linear noise is DEmoFace's
(arXiv 2502.01046, section 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LogLinearSchedule:
    """Noise at time t in [0, 1], 0 clean and 1 (almost) all [MASK]. Works in the dtype of `t`."""

    epsilon: float = 1e-3
    """What stays unmasked at t = 1, so that the total noise is finite there."""

    def total_noise(self, t: Tensor) -> Tensor:
        """sigma-bar(t) = -log(1 - (1 - epsilon) t)."""
        return -torch.log1p(-(1 - self.epsilon) * t)

    def rate(self, t: Tensor) -> Tensor:
        """sigma'(t), the derivative of the total noise."""
        return (1 - self.epsilon) / (1 - (1 - self.epsilon) * t)

    def mask_probability(self, t: Tensor) -> Tensor:
        """1 - exp(-sigma-bar(t)), here (1 - epsilon) t: the chance that a code is [MASK] at time t."""
        return (1 - self.epsilon) * t

    def log_ratio(self, t: Tensor) -> Tensor:
        """log r, r = 1 / (exp(sigma-bar(t)) - 1): the true scores of a masked position add up to r.

        Written in closed form because exp(sigma-bar) - 1 cancels near t = 0.
        """
        masked = self.mask_probability(t)
        return torch.log1p(-masked) - torch.log(masked)
