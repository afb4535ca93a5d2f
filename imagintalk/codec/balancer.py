"""Balances losses by the size of their gradient at the generated sound (EnCodec, section 3.4, equation 4).

encodec 0.1.1 as packaged leaves this class out, so it is written here after the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Balancer:
    """Each loss gets the share weight / sum(weights) of one reference gradient norm, whatever its own scale.

    The reference is the running size of one of the losses, so that the sum stays commensurate with losses that do
    not go through the sound (ours; the paper takes a constant).
    """

    def __init__(self, weights: dict[str, float], reference: str, decay: float = 0.99) -> None:
        self.weights = weights
        self.reference = reference
        self.decay = decay
        self.sizes: dict[str, float] = {}
        self.counts: dict[str, float] = {}

    def gradient(self, losses: dict[str, Tensor], output: Tensor) -> Tensor:
        """The balanced gradient at `output`, for output.backward(). Raises KeyError for a loss without a weight."""
        total = sum(self.weights[name] for name in losses)
        shares = torch.zeros_like(output)
        for name, loss in losses.items():
            (gradient,) = torch.autograd.grad(loss, output, retain_graph=True)
            size = float(gradient.norm(dim=tuple(range(1, gradient.dim()))).mean())
            self.sizes[name] = self.decay * self.sizes.get(name, 0.0) + (1 - self.decay) * size
            self.counts[name] = self.decay * self.counts.get(name, 0.0) + (1 - self.decay)
            shares += self.weights[name] / total * gradient / max(self._average(name), 1e-12)
        return shares * self._average(self.reference)

    def _average(self, name: str) -> float:
        return self.sizes[name] / self.counts[name]

    def state_dict(self) -> dict[str, dict[str, float]]:
        """Running averages, for a resume to the same result."""
        return {"sizes": dict(self.sizes), "counts": dict(self.counts)}

    def load_state_dict(self, state: dict[str, dict[str, float]]) -> None:
        """Take what `state_dict` gave."""
        self.sizes, self.counts = dict(state["sizes"]), dict(state["counts"])
