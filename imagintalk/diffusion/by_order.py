"""Samplers that unmask a set number of positions a step, those that come first: by confidence, or by Halton's points.

A step from t to `until` leaves `until` of the stage's unknown positions [MASK], rounded: as many as the schedule has
there on average, because the network is told the time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from imagintalk.diffusion.canvas import Canvas


class _ByOrder(ABC):
    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.unknown = canvas.masked().sum(dim=(1, 2))
        """(batch,) positions to fill in."""

    @abstractmethod
    def step(self, t: Tensor, until: Tensor) -> None:
        """One reverse step from `t` to the earlier time `until` (float64 scalars)."""

    def denoise(self, t: Tensor) -> None:
        """What is still [MASK] becomes a code."""
        masked = self.canvas.masked()
        self.canvas.codes[masked] = self.canvas.pick(masked, self.canvas.scores(t, masked))

    def first(self, masked: Tensor, key: Tensor, until: Tensor) -> Tensor:
        """Those of `masked` that are unmasked now: where `key` is largest; all (batch, levels, frames)."""
        left = (until * self.unknown.double().cpu()).round().long().to(masked.device)
        count = masked.sum(dim=(1, 2)) - left
        ordered = key.double().masked_fill(~masked, -torch.inf).flatten(1).argsort(dim=1, descending=True, stable=True)
        rank = ordered.argsort(dim=1).view_as(masked)
        return masked & (rank < count[:, None, None])


class Confidence(_ByOrder):
    """MaskGIT's order (Chang et al. 2022, arXiv 2202.04200): a code is chosen everywhere, the surest ones stay.

    So likely codes come more often than the score says. Theirs is the Gumbel noise on the log-probability, which falls
    to zero with the time; ours is its size, the temperature, and the even number of positions a step.
    """

    def step(self, t: Tensor, until: Tensor) -> None:
        canvas = self.canvas
        masked = canvas.masked()
        log_scores = canvas.scores(t, masked)
        codes = canvas.pick(masked, log_scores)
        sure = log_scores.log_softmax(-1).gather(-1, codes[:, None])
        noise = canvas.temperature * t.to(sure.device) * canvas.gumbel(masked)
        key = torch.zeros(masked.shape, dtype=torch.float64, device=masked.device)
        key[masked] = (sure + noise)[:, 0]
        chosen = self.first(masked, key, until)
        canvas.codes[chosen] = codes[chosen[masked]]


class Halton(_ByOrder):
    """Positions far from each other first (Besnier et al. 2025, arXiv 2503.17076), whatever the network thinks.

    Theirs is the order by Halton's points, over pictures; ours is to lay them over frames (base 2) and levels (base 3).
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        _, levels, frames = canvas.codes.shape
        inside = canvas.stage.stop - canvas.stage.start
        order = torch.zeros(levels, frames, dtype=torch.float64)
        order[canvas.stage] = -halton_ranks(inside, frames).double()
        self.key = order.to(canvas.codes.device).expand_as(canvas.codes)

    def step(self, t: Tensor, until: Tensor) -> None:
        canvas = self.canvas
        chosen = self.first(canvas.masked(), self.key, until)
        canvas.codes[chosen] = canvas.pick(chosen, canvas.scores(t, chosen))


def halton_ranks(levels: int, frames: int) -> Tensor:
    """When each cell of the grid (levels, frames), int64, is met by Halton's points: 0 first, each number once.

    On a grid of 3^b by 2^a cells the first 3^b 2^a points meet each cell once; those outside of ours are left out.
    """
    rows, columns = _power(3, levels), _power(2, frames)
    points = torch.arange(rows * columns)
    row, column = _reversed_digits(points, 3, rows), _reversed_digits(points, 2, columns)
    met = (row < levels) & (column < frames)
    ranks = torch.empty(levels, frames, dtype=torch.int64)
    ranks[row[met], column[met]] = torch.arange(levels * frames)
    return ranks


def _power(base: int, least: int) -> int:
    power = 1
    while power < least:
        power *= base
    return power


def _reversed_digits(points: Tensor, base: int, cells: int) -> Tensor:
    """The cell, of `cells` = base^k, that each point's radical inverse falls into: its last k digits turned round."""
    cell, rest, weight = torch.zeros_like(points), points, cells // base
    while weight:
        cell, rest, weight = cell + rest % base * weight, rest // base, weight // base
    return cell
