"""The recognisers that `imagintalk evaluate` asks, by the names that its tables show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from imagintalk.errors import OptionError
from imagintalk.evaluation.ears.slots import SlotRecogniser, speaks_grid
from imagintalk.evaluation.recogniser import GrammarRecogniser, Recogniser, WhisperRecogniser
from imagintalk.evaluation.whisper_weights import PACKAGES
from imagintalk.evaluation.words import normalise

SLOTS, GRAMMAR, WHISPER = "slots", "pocketsphinx", "Whisper"
RECOGNISERS: dict[str, Callable[[], Recogniser]] = {
    SLOTS: SlotRecogniser,
    GRAMMAR: GrammarRecogniser,
    WHISPER: WhisperRecogniser,
}
"""The first of those asked is the one that rows are judged by."""
GRID_ONLY = frozenset({SLOTS, GRAMMAR})
"""They hear a sentence of GRID's in everything."""


def open_recognisers(wanted: Sequence[str] | None = None) -> dict[str, Recogniser]:
    """Those asked for, in the order of `RECOGNISERS`; None: all, Whisper where its packages are installed.

    Raises OptionError for an unknown name or none, WeightsError where Whisper is asked for and not installed.
    """
    if wanted is None:
        there = all(map(find_spec, ("faster_whisper", *PACKAGES)))
        wanted = [name for name in RECOGNISERS if name != WHISPER or there]
    unknown = sorted(set(wanted) - RECOGNISERS.keys())
    if unknown or not wanted:
        raise OptionError(f"expected recognisers, of {', '.join(RECOGNISERS)}, got {', '.join(unknown) or 'none'}")
    return {name: make() for name, make in RECOGNISERS.items() if name in wanted}


def can_hear(name: str, said: str) -> bool:
    """True when a recogniser knows the words of a sentence; nothing said is heard by none."""
    words = normalise(said)
    return bool(words) and (name not in GRID_ONLY or speaks_grid(words))
