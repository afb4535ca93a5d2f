"""Samplers whose positions turn from [MASK] to a code each by its own chance: Euler and the analytic step (SEDD).

Absorbing state, so a step only ever turns [MASK] into a code: p(y) = factor * s_y, and a code once there never changes.
A step is drawn in two parts, first which positions unmask, then to what. That is the same distribution as one draw
over size + 1 states, and lets the network score only the positions that need it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from imagintalk.diffusion.canvas import Canvas
from imagintalk.diffusion.schedule import LogLinearSchedule


class Euler:
    """(t - until) sigma'(t): the paper's."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    def step(self, t: Tensor, until: Tensor) -> None:
        """One reverse step from `t` to the earlier time `until` (float64 scalars)."""
        canvas = self.canvas
        masked = canvas.masked()
        factor = self.factor(canvas.schedule, t, until)
        if canvas.normalised:
            chosen = canvas.draw(masked, factor * canvas.schedule.log_ratio(t).exp())
            log_scores = canvas.scores(t, chosen)
        else:
            all_scores = canvas.scores(t, masked)
            chosen = canvas.draw(masked, factor.to(all_scores.device) * all_scores.exp().sum(-1))
            log_scores = all_scores[chosen[masked]]
        self.unmask(chosen, log_scores)

    def denoise(self, t: Tensor) -> None:
        """Final step: what is still [MASK] becomes a code, the [MASK] column dropped."""
        masked = self.canvas.masked()
        self.unmask(masked, self.canvas.scores(t, masked))

    def unmask(self, where: Tensor, log_scores: Tensor) -> None:
        """Write the codes of the positions `where`."""
        self.canvas.codes[where] = self.canvas.pick(where, log_scores)

    def factor(self, schedule: LogLinearSchedule, t: Tensor, until: Tensor) -> Tensor:
        """What a score is multiplied by to give the chance of unmasking to it between `t` and `until`.

        With a normalised score Euler and the analytic step both give (t - until) / t.
        """
        return (t - until) * schedule.rate(t)


class Analytic(Euler):
    """exp(sigma-bar(t) - sigma-bar(until)) - 1: SEDD's staggered score in closed form for the absorbing state."""

    def factor(self, schedule: LogLinearSchedule, t: Tensor, until: Tensor) -> Tensor:
        return torch.expm1(schedule.total_noise(t) - schedule.total_noise(until))
