"""Which clips are measured when not all of them are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from imagintalk.errors import OptionError

T = TypeVar("T")


def evenly(items: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` of the items, evenly spaced over them in their order; None: all. Raises OptionError below 1."""
    if limit is None or limit >= len(items):
        return list(items)
    if limit < 1:
        raise OptionError(f"expected a limit of at least 1 clip, got {limit}")
    return [items[index * len(items) // limit] for index in range(limit)]
