"""The reverse process: from [MASK] to codes in a number of steps (the paper: 64 Euler steps).

Absorbing state, so a step only ever turns [MASK] into a code: p(y) = factor * s_y, and a code once there never changes.
What is given as known therefore stays: infilling, long clips and staged levels are this one mechanism.

Every probability and all noise is float64: float32 Gumbel noise lowers the effective temperature (arXiv 2409.02908).
A step is drawn in two parts, first which positions unmask, then to what. That is the same distribution as one draw
over size + 1 states, and lets the network score only the positions that need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagintalk.diffusion.guidance import ScoreFn
from imagintalk.diffusion.schedule import LogLinearSchedule
from imagintalk.errors import OptionError

MOST_STEPS = 1024
"""More than any clip has use for."""
LAST_TIME = 1e-5
"""Where the steps end and the final denoise happens (SEDD)."""


@dataclass(frozen=True)
class SamplerOptions:
    """How to sample. Raises OptionError on a value out of range."""

    steps: int = 64
    sampler: str = "euler"
    """`euler`, or `analytic` (SEDD's Tweedie step). They agree under log-linear noise."""
    temperature: float = 1.0
    """Ours: divides the log-scores where a code is chosen, not when; 0 takes the likeliest code."""
    normalised: bool = True
    """Whether the scores are known to add up to r (softmax x r): then only unmasking positions are scored."""
    level_groups: tuple[int, ...] | None = None
    """Ours: sizes of consecutive groups of levels, coarse first, each sampled with finer ones all [MASK] and coarser
    ones known, because a fine RVQ level refines the coarse ones; `steps` is shared out evenly. None: all at once.
    Train with `corruption.group_stage` for it."""

    def __post_init__(self) -> None:
        if self.sampler not in ("euler", "analytic"):
            raise OptionError(f"sampler: expected euler or analytic, got {self.sampler!r}")
        stages = len(self.level_groups or (0,))
        if not stages <= self.steps <= MOST_STEPS:
            raise OptionError(f"steps: expected {stages} to {MOST_STEPS}, got {self.steps}")
        if not self.temperature >= 0:
            raise OptionError(f"temperature: expected 0 or more, got {self.temperature}")


def generators_of(seeds: Sequence[int]) -> list[torch.Generator]:
    """One source of noise per sample, on the CPU: a take sampled with others draws the noise it draws alone."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def step_factor(schedule: LogLinearSchedule, sampler: str, t: Tensor, until: Tensor) -> Tensor:
    """What a score is multiplied by to give the chance of unmasking to it between `t` and the earlier time `until`.

    Euler: (t - until) sigma'(t). Analytic: exp(sigma-bar(t) - sigma-bar(until)) - 1, SEDD's staggered score in closed
    form for the absorbing state. With a normalised score both give (t - until) / t.
    """
    if sampler == "euler":
        return (t - until) * schedule.rate(t)
    return torch.expm1(schedule.total_noise(t) - schedule.total_noise(until))


@torch.no_grad()
def sample(
    score: ScoreFn,
    start: Tensor,
    codebook_size: int,
    generators: Sequence[torch.Generator],
    options: SamplerOptions,
    notify: Callable[[float], None] | None = None,
    codebooks: Tensor | None = None,
) -> Tensor:
    """Replace every [MASK] of `start` by a code.

    start: (batch, levels, frames), int64, codec rate; [MASK] = codebook_size where a code is wanted, all other codes
    are known and stay. Padding counts as known. generators: one per sample, see `generators_of`.
    notify: called with the fraction done before the first and after every step; what it raises stops the work.
    codebooks: (levels, size, dimension), float, the codec's entries. With them only the first of `level_groups` is
    drawn; finer levels take the code of least expected squared error (ours). The coarse levels decide what is said and
    how, and takes differ in them; of a fine level hardly more than the mean can be known, and a draw from the rest is
    noise that costs ESTOI 0.05.
    Returns codes (batch, levels, frames), int64, without [MASK]. Raises OptionError if level_groups do not add up.
    """
    groups = options.level_groups or (start.shape[1],)
    if sum(groups) != start.shape[1]:
        raise OptionError(f"level_groups: expected sizes that add up to {start.shape[1]}, got {groups}")
    report = notify or (lambda fraction: None)
    report(0.0)
    codes = start.clone()
    first, done = 0, 0
    for number, size in enumerate(groups):
        steps = (options.steps + len(groups) - 1 - number) // len(groups)
        # The network must not see known codes finer than the stage, or it would be off what it was trained on.
        finer = codes[:, first + size :].clone()
        codes[:, first + size :] = codebook_size
        stage = slice(first, first + size)
        stepper = _Stepper(score, stage, codebook_size, generators, options, codebooks if number else None)
        times = torch.linspace(1.0, LAST_TIME, steps + 1, dtype=torch.float64)
        for t, until in zip(times[:-1], times[1:], strict=True):
            stepper.step(codes, t, until)
            done += 1
            report(done / (options.steps + 1))
        stepper.denoise(codes, times[-1])
        codes[:, first + size :] = finer
        first += size
    report(1.0)
    return codes


class _Stepper:
    """Steps of one stage; changes `codes` in place, only where they are [MASK] and in the stage's levels."""

    def __init__(
        self,
        score: ScoreFn,
        stage: slice,
        codebook_size: int,
        generators: Sequence[torch.Generator],
        options: SamplerOptions,
        codebooks: Tensor | None,
    ) -> None:
        self.score, self.stage, self.size = score, stage, codebook_size
        self.generators, self.options = generators, options
        self.codebooks = codebooks
        """None: codes are drawn."""
        self.schedule = LogLinearSchedule()

    def step(self, codes: Tensor, t: Tensor, until: Tensor) -> None:
        """One reverse step from `t` to `until` (float64 scalars)."""
        masked = self._masked(codes)
        factor = step_factor(self.schedule, self.options.sampler, t, until)
        if self.options.normalised:
            chosen = self._draw(masked, (factor * self.schedule.log_ratio(t).exp()).to(codes.device))
            self._unmask(codes, chosen, self._score(codes, t, chosen))
            return
        log_scores = self._score(codes, t, masked)
        chosen = self._draw(masked, factor.to(codes.device) * log_scores.exp().sum(-1))
        self._unmask(codes, chosen, log_scores[chosen[masked]])

    def denoise(self, codes: Tensor, t: Tensor) -> None:
        """Final step: what is still [MASK] becomes a code, the [MASK] column dropped."""
        masked = self._masked(codes)
        self._unmask(codes, masked, self._score(codes, t, masked))

    def _masked(self, codes: Tensor) -> Tensor:
        masked = torch.zeros_like(codes, dtype=torch.bool)
        masked[:, self.stage] = codes[:, self.stage] == self.size
        return masked

    def _score(self, codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        if not where.any():
            return torch.empty(0, self.size, dtype=torch.float64, device=codes.device)
        return self.score(codes, t.to(codes.device).expand(codes.shape[0]), where).double()

    def _draw(self, masked: Tensor, probability: Tensor) -> Tensor:
        """True at each position of `masked` with its probability, a scalar or one per masked position."""
        chosen = torch.zeros_like(masked)
        chosen[masked] = self._uniform(masked)[:, 0] < probability
        return chosen

    def _unmask(self, codes: Tensor, where: Tensor, log_scores: Tensor) -> None:
        if self.codebooks is not None and self.options.temperature > 0:
            codes[where] = self._least_error(self.codebooks, where, log_scores)
            return
        uniform = self._uniform(where, self.size).clamp(min=torch.finfo(torch.float64).tiny)
        gumbel = -torch.log(-torch.log(uniform))
        codes[where] = (log_scores + self.options.temperature * gumbel).argmax(-1)

    def _least_error(self, codebooks: Tensor, where: Tensor, log_scores: Tensor) -> Tensor:
        """(positions,) the codes nearest to the mean entry under the scores."""
        chances = (log_scores / self.options.temperature).softmax(-1).to(codebooks)
        level = where.nonzero(as_tuple=True)[1]
        chosen = torch.empty_like(level)
        for number in range(self.stage.start, self.stage.stop):
            here, entries = level == number, codebooks[number]
            error = entries.square().sum(dim=1) - 2 * (chances[here] @ entries) @ entries.T
            chosen[here] = error.argmin(dim=1)
        return chosen

    def _uniform(self, where: Tensor, columns: int = 1) -> Tensor:
        """(positions, columns), float64: each sample's rows from its own generator."""
        counts = where.sum(dim=(1, 2)).tolist()
        rows = [
            torch.rand(count, columns, dtype=torch.float64, generator=generator)
            for count, generator in zip(counts, self.generators, strict=True)
        ]
        return torch.cat(rows).to(where.device)
