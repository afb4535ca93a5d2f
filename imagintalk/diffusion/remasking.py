"""ReMDM (Wang, Schiff, Sahoo, Kuleshov 2025, arXiv 2503.00307): codes may become [MASK] again, so that errors can mend.

With a chance sigma a code of the sampler's own becomes [MASK], and [MASK] unmasks so much oftener that as many are
[MASK] at each time as without it. Theirs is the rule and the cap on sigma; the cap's value is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from imagintalk.diffusion.by_chance import Euler
from imagintalk.diffusion.canvas import Canvas
from imagintalk.diffusion.schedule import LogLinearSchedule

MOST_REMASKED = 0.02
"""Highest chance of a code to become [MASK] again in one step."""


class Remasking(Euler):
    """The only sampler that changes codes once there; known ones it never touches."""

    def __init__(self, canvas: Canvas, most: float = MOST_REMASKED) -> None:
        super().__init__(canvas)
        self.own = canvas.masked()
        self.most = most

    def step(self, t: Tensor, until: Tensor) -> None:
        """As Euler's; which codes go is drawn first, but they go last, so that all is judged by one state."""
        canvas = self.canvas
        again = canvas.draw(self.own & ~canvas.masked(), self.chance(canvas.schedule, t, until))
        super().step(t, until)
        canvas.codes[again] = canvas.size

    def chance(self, schedule: LogLinearSchedule, t: Tensor, until: Tensor) -> Tensor:
        """Sigma, at most (1 - alpha(until)) / alpha(t): no more may be [MASK] than the schedule has."""
        bound = schedule.mask_probability(until) / (1 - schedule.mask_probability(t))
        return bound.clamp(max=self.most)

    def factor(self, schedule: LogLinearSchedule, t: Tensor, until: Tensor) -> Tensor:
        """(alpha(until) - (1 - sigma) alpha(t)) / (1 - alpha(t)), by r; the analytic step where sigma is 0."""
        now, then = 1 - schedule.mask_probability(t), 1 - schedule.mask_probability(until)
        unmasked = (then - (1 - self.chance(schedule, t, until)) * now) / schedule.mask_probability(t)
        return unmasked * torch.exp(-schedule.log_ratio(t))
