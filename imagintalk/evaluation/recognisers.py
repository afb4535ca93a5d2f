"""The recognisers that `imagintalk evaluate` asks, by the names that its tables show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from imagintalk.errors import OptionError
from imagintalk.evaluation.ears.slots import SlotRecogniser, speaks_grid
from imagintalk.evaluation.ears.store import EMBEDDED
from imagintalk.evaluation.recogniser import GrammarRecogniser, Recogniser, WhisperRecogniser
from imagintalk.evaluation.whisper_weights import PACKAGES
from imagintalk.evaluation.words import normalise

SLOTS, GRAMMAR, WHISPER = "slots", "pocketsphinx", "Whisper"
RECOGNISERS: dict[str, Callable[[Path], Recogniser]] = {
    SLOTS: SlotRecogniser,
    GRAMMAR: lambda ears: GrammarRecogniser(),
    WHISPER: lambda ears: WhisperRecogniser(),
}
"""The first of those asked is the one that rows are judged by."""
GRID_ONLY = frozenset({SLOTS, GRAMMAR})
"""They hear a sentence of GRID's in everything."""


def open_recognisers(wanted: Sequence[str] | None = None, ears: Path = EMBEDDED) -> dict[str, Recogniser]:
    """Those asked for, in the order of `RECOGNISERS`; None: all, Whisper where its packages are installed.

    ears: the folder with the weights of our own. Raises OptionError for an unknown name or none, WeightsError where
    weights or, asked for, Whisper's packages are missing.
    """
    if wanted is None:
        there = all(map(find_spec, ("faster_whisper", *PACKAGES)))
        wanted = [name for name in RECOGNISERS if name != WHISPER or there]
    unknown = sorted(set(wanted) - RECOGNISERS.keys())
    if unknown or not wanted:
        raise OptionError(f"expected recognisers, of {', '.join(RECOGNISERS)}, got {', '.join(unknown) or 'none'}")
    return {name: make(ears) for name, make in RECOGNISERS.items() if name in wanted}


def can_hear(name: str, said: str) -> bool:
    """True when a recogniser knows the words of a sentence; nothing said is heard by none."""
    words = normalise(said)
    return bool(words) and (name not in GRID_ONLY or speaks_grid(words))
