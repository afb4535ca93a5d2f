"""The codes of one stage while they are sampled: where [MASK] is, what the network says of it, and turning it to codes.

Every probability and all noise is float64: float32 Gumbel noise lowers the effective temperature (arXiv 2409.02908).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagintalk.diffusion.guidance import ScoreFn
from imagintalk.diffusion.schedule import LogLinearSchedule

FINER_TRUST = 0.75
"""Of what finer levels are expected to add: the network takes coarser codes for the true ones, which they are not (0.5
and 1 give ESTOI 0.346 and 0.344 in place of 0.349, and voices 0.02 and 0.01 farther off; `small`, 16 and 10 clips)."""
_SMALLEST = torch.finfo(torch.float64).tiny


@dataclass(frozen=True)
class Canvas:
    """One stage of levels of the codes (batch, levels, frames), which are changed in place, and only there.

    What is not [MASK] in the beginning is known and stays, whichever sampler works on it.
    """

    codes: Tensor
    """(batch, levels, frames), int64; [MASK] = size."""
    stage: slice
    """The levels that are sampled."""
    size: int
    """Entries of a codebook."""
    score: ScoreFn
    generators: Sequence[torch.Generator]
    """One per sample, on the CPU."""
    temperature: float
    normalised: bool
    """Whether the scores are known to add up to r (softmax x r)."""
    codebooks: Tensor | None
    """(levels, size, dimension): codes are those of least expected squared error. None: they are drawn."""
    missed: Tensor
    """(batch, levels, frames, dimension), changed in place: the mean entry that was expected, less the one that was
    picked last. No entry is the mean; other levels make up for what is left, as they do for a recording's."""
    schedule: LogLinearSchedule = LogLinearSchedule()

    def masked(self) -> Tensor:
        """(batch, levels, frames), bool: [MASK] and of this stage."""
        masked = torch.zeros_like(self.codes, dtype=torch.bool)
        masked[:, self.stage] = self.codes[:, self.stage] == self.size
        return masked

    def scores(self, t: Tensor, where: Tensor) -> Tensor:
        """Log-scores (positions, size), float64, of the positions `where`; nothing is computed when there are none."""
        if not where.any():
            return torch.empty(0, self.size, dtype=torch.float64, device=self.codes.device)
        return self.score(self.codes, t.to(self.codes.device).expand(self.codes.shape[0]), where).double()

    def pick(self, where: Tensor, log_scores: Tensor) -> Tensor:
        """A code for each position of `where`, (positions,), int64."""
        if self.codebooks is not None and self.temperature > 0:
            return self._least_error(self.codebooks, where, log_scores)
        return (log_scores + self.temperature * self.gumbel(where, self.size)).argmax(-1)

    def draw(self, where: Tensor, probability: Tensor) -> Tensor:
        """True at each position of `where` with its probability, a scalar or one per position."""
        chosen = torch.zeros_like(where)
        chosen[where] = self._uniform(where)[:, 0] < probability.to(where.device)
        return chosen

    def gumbel(self, where: Tensor, columns: int = 1) -> Tensor:
        """(positions, columns), float64."""
        return -torch.log(-torch.log(self._uniform(where, columns).clamp(min=_SMALLEST)))

    def _least_error(self, codebooks: Tensor, where: Tensor, log_scores: Tensor) -> Tensor:
        """The codes nearest to the mean entry under the scores, and to what other levels missed of theirs."""
        chances = (log_scores / self.temperature).softmax(-1).to(codebooks)
        sample, level, frame = where.nonzero(as_tuple=True)
        chosen = torch.empty_like(level)
        there = self.codes != self.size  # what was picked but not kept, or masked again, missed nothing
        for number in range(self.stage.start, self.stage.stop):
            here, entries = level == number, codebooks[number]
            row, column = sample[here], frame[here]
            expected = (FINER_TRUST if number else 1.0) * (chances[here] @ entries)
            wanted = expected + (self.missed[row, :, column] * there[row, :, column, None]).sum(dim=1)
            error = entries.square().sum(dim=1) - 2 * wanted @ entries.T
            chosen[here] = error.argmin(dim=1)
            self.missed[row, number, column] = expected - entries[chosen[here]]
            there[row, number, column] = True
        return chosen

    def _uniform(self, where: Tensor, columns: int = 1) -> Tensor:
        """(positions, columns), float64: each sample's rows from its own generator."""
        counts = where.sum(dim=(1, 2)).tolist()
        rows = [
            torch.rand(count, columns, dtype=torch.float64, generator=generator)
            for count, generator in zip(counts, self.generators, strict=True)
        ]
        return torch.cat(rows).to(where.device)
