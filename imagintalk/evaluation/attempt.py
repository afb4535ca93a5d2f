"""A clip that cannot be dubbed counts as a bad one: to leave it out would flatter the figures, to stop lose them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from imagintalk.errors import Cancelled, ImaginTalkError

T = TypeVar("T")

_log = logging.getLogger(__name__)


def attempt(make: Callable[[], T], instead: T, clip: Path) -> tuple[T, str]:
    """What `make` gives and "", or `instead` and our error message. Raises Cancelled and other errors."""
    try:
        return make(), ""
    except Cancelled:
        raise
    except ImaginTalkError as error:
        _log.warning("%s: counted as a failure: %s", clip, error)
        return instead, str(error)
