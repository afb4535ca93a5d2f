"""The reverse process: from [MASK] to codes in a number of steps (the paper: 64 Euler steps).

How a step chooses is the sampler's, one of `SAMPLERS`. With each of them a known code stays: infilling, long clips and
staged levels are this one mechanism.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from imagintalk.diffusion.by_chance import Analytic, Euler
from imagintalk.diffusion.by_order import Confidence, Halton
from imagintalk.diffusion.canvas import Canvas
from imagintalk.diffusion.guidance import ScoreFn
from imagintalk.diffusion.remasking import Remasking
from imagintalk.errors import OptionError

MOST_STEPS = 1024
"""More than any clip has use for."""
LAST_TIME = 1e-5
"""Where the steps end and the final denoise happens (SEDD)."""


class Sampler(Protocol):
    """Fills in one stage of the codes, which it was made for (`Canvas`)."""

    def step(self, t: Tensor, until: Tensor) -> None:
        """One reverse step from `t` to the earlier time `until` (float64 scalars)."""

    def denoise(self, t: Tensor) -> None:
        """Final step: what is still [MASK] becomes a code."""


SAMPLERS: dict[str, Callable[[Canvas], Sampler]] = {
    "euler": Euler,
    "analytic": Analytic,
    "confidence": Confidence,
    "halton": Halton,
    "remasking": Remasking,
}
"""By their names in options and configs."""


@dataclass(frozen=True)
class SamplerOptions:
    """How to sample. Raises OptionError on a value out of range."""

    steps: int = 64
    sampler: str = "euler"
    """One of `SAMPLERS`. `euler` and `analytic` (SEDD's Tweedie step) agree under log-linear noise; with `confidence`
    and `halton` a set number of positions unmasks each step; `remasking` may mend what it has said."""
    temperature: float = 1.0
    """Ours: divides the log-scores where a code is chosen, not when; 0 takes the likeliest code."""
    normalised: bool = True
    """Whether the scores are known to add up to r (softmax x r): then only unmasking positions are scored."""
    level_groups: tuple[int, ...] | None = None
    """Ours: sizes of consecutive groups of levels, coarse first, each sampled with finer ones all [MASK] and coarser
    ones known, because a fine RVQ level refines the coarse ones; `steps` is shared out evenly, a rest to coarse groups,
    and a group without a step takes the final denoise alone. None: all at once.
    Train with `corruption.group_stage` for it."""

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise OptionError(f"sampler: expected one of {', '.join(SAMPLERS)}, got {self.sampler!r}")
        if not 1 <= self.steps <= MOST_STEPS:
            raise OptionError(f"steps: expected 1 to {MOST_STEPS}, got {self.steps}")
        if not self.temperature >= 0:
            raise OptionError(f"temperature: expected 0 or more, got {self.temperature}")


def generators_of(seeds: Sequence[int]) -> list[torch.Generator]:
    """One source of noise per sample, on the CPU: a take sampled with others draws the noise it draws alone."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


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
    codebooks: (levels, size, dimension), float, the codec's entries. With them a code is that of least expected squared
    error under the scores (ours), and what is drawn is which codes come first: later ones follow from them, so takes
    differ. A code drawn by itself is in part noise: it costs ESTOI 0.05 at fine levels and 0.01 at the coarsest.
    Returns codes (batch, levels, frames), int64, without [MASK]. Raises OptionError if level_groups do not add up.
    """
    groups = options.level_groups or (start.shape[1],)
    if sum(groups) != start.shape[1]:
        raise OptionError(f"level_groups: expected sizes that add up to {start.shape[1]}, got {groups}")
    report = notify or (lambda fraction: None)
    report(0.0)
    codes = start.clone()
    missed = torch.zeros(*codes.shape, 0 if codebooks is None else codebooks.shape[2], device=start.device)
    first, done = 0, 0
    for number, size in enumerate(groups):
        steps = (options.steps + len(groups) - 1 - number) // len(groups)
        # The network must not see known codes finer than the stage, or it would be off what it was trained on.
        finer = codes[:, first + size :].clone()
        codes[:, first + size :] = codebook_size
        stage = slice(first, first + size)
        canvas = Canvas(
            codes,
            stage,
            codebook_size,
            score,
            generators,
            options.temperature,
            options.normalised,
            codebooks,
            missed,
        )
        sampler = SAMPLERS[options.sampler](canvas)
        times = torch.linspace(1.0, LAST_TIME, steps + 1, dtype=torch.float64)
        for t, until in zip(times[:-1], times[1:], strict=True):
            sampler.step(t, until)
            done += 1
            report(done / (options.steps + 1))
        sampler.denoise(times[-1])
        codes[:, first + size :] = finer
        first += size
    report(1.0)
    return codes
