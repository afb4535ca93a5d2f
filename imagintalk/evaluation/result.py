"""One row of the README's table: what was measured, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Clip = Mapping[str, float | str]
"""What was measured of one clip, by name."""


@dataclass(frozen=True)
class Figure:
    """One number."""

    name: str
    value: float
    at_least: float | None
    """The bound that has to be kept; None: told, not judged."""
    aim: float | None
    unit: str = ""
    small_is_good: bool = False
    """True where the bounds are upper ones."""

    @property
    def met(self) -> bool:
        """The bound is kept, or there is none. NaN keeps no bound."""
        return self._keeps(self.at_least)

    @property
    def aim_met(self) -> bool:
        return self._keeps(self.aim)

    def _keeps(self, bound: float | None) -> bool:
        if bound is None:
            return True
        return self.value <= bound if self.small_is_good else self.value >= bound

    def bound_text(self, bound: float | None) -> str:
        """The bound as the table shows it, such as `≤ 25 points`."""
        return "" if bound is None else f"{'≤' if self.small_is_good else '≥'} {bound:g}{self.unit}"

    @property
    def value_text(self) -> str:
        return f"{self.value:.3g}{self.unit}" if abs(self.value) < 100 else f"{self.value:.0f}{self.unit}"


@dataclass(frozen=True)
class Result:
    """One row. Rates of words are in points: errors per hundred words."""

    what: str
    figures: tuple[Figure, ...]
    clips: int
    """How many clips were measured."""
    available: int
    """How many there are."""
    per_clip: tuple[Clip, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """What a reader has to know to judge the figures."""

    @property
    def at_least(self) -> str:
        return " / ".join(f"{f.name} {f.bound_text(f.at_least)}" for f in self.figures if f.at_least is not None)

    @property
    def aim(self) -> str:
        return " / ".join(f"{f.name} {f.bound_text(f.aim)}" for f in self.figures if f.aim is not None)

    @property
    def measured(self) -> str:
        return " / ".join(f"{f.name} {f.value_text}" for f in self.figures)

    @property
    def met(self) -> bool:
        """Every figure keeps its bound."""
        return all(f.met for f in self.figures)

    @property
    def aim_met(self) -> bool:
        return all(f.aim_met for f in self.figures)
