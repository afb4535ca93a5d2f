"""Which sentences of GRID's grammar the drawn talker says, and in which split. The splits are ours."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from imagintalk.data.grid_grammar import PLACES, sentence_of
from imagintalk.errors import OptionError

DrawnSplit = Literal["train", "validation", "test"]
SPLITS: tuple[DrawnSplit, ...] = ("train", "validation", "test")

_LETTER, _DIGIT = 3, 4
"""Places whose words come round evenly: they have the most words, and are the hardest to read from lips."""


@dataclass(frozen=True)
class GridSentence:
    """Six words of GRID's grammar. Raises DataError when the code does not name any."""

    code: str
    """GRID's file name of the sentence, such as `bbaf2n` (bin blue at f two now)."""

    def __post_init__(self) -> None:
        sentence_of(self.code)

    @property
    def text(self) -> str:
        return sentence_of(self.code)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text.split())

    @property
    def split(self) -> DrawnSplit:
        """The one split that the sentence may appear in: 10 % validation, 10 % test, the rest train."""
        bucket = hashlib.sha256(self.code.encode()).digest()[0] % 10
        return "validation" if bucket == 5 else "test" if bucket == 0 else "train"


def sample_sentences(count: int, split: DrawnSplit, seed: int) -> list[GridSentence]:
    """Distinct sentences of one split in which letters and digits come round evenly. The same seed gives the same list.

    Raises OptionError when the split's name is unknown or `count` is not between 1 and 1000.
    """
    if split not in SPLITS:
        raise OptionError(f"{split!r}: expected a split out of {', '.join(SPLITS)}")
    if not 1 <= count <= 1000:
        raise OptionError(f"expected 1 to 1000 drawn sentences, got {count}")
    chance = random.Random(f"{split} {seed}")
    names = [tuple(words) for _, words in PLACES]
    letters, digits = _rounds(names[_LETTER], chance), _rounds(names[_DIGIT], chance)
    chosen: dict[str, GridSentence] = {}
    while len(chosen) < count:
        letter, digit = next(letters), next(digits)
        sentence = None
        while sentence is None or sentence.split != split or sentence.code in chosen:
            verb, colour, preposition, adverb = (chance.choice(names[place]) for place in (0, 1, 2, 5))
            sentence = GridSentence(verb + colour + preposition + letter + digit + adverb)
        chosen[sentence.code] = sentence
    return list(chosen.values())


def _rounds(names: tuple[str, ...], chance: random.Random) -> Iterator[str]:
    while True:
        yield from chance.sample(names, len(names))
