"""Sentences of GRID's grammar: verb colour preposition letter digit adverb (Cooke, Barker, Cunningham, Shao 2006).

The grammar and the six-letter codes are GRID's; which sentence belongs to which split of the drawn talker is ours.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from imagintalk.errors import OptionError

VERBS = ("bin", "lay", "place", "set")
COLOURS = ("blue", "green", "red", "white")
PREPOSITIONS = ("at", "by", "in", "with")
LETTERS = tuple("abcdefghijklmnopqrstuvxyz")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ADVERBS = ("again", "now", "please", "soon")

SLOTS = (VERBS, COLOURS, PREPOSITIONS, LETTERS, DIGITS, ADVERBS)
"""The words that may stand in each of the six places."""

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_DIGIT_CODES = {word: "z" if value == 0 else str(value) for value, word in enumerate(DIGITS)}


def _code_letter(word: str) -> str:
    return _DIGIT_CODES.get(word, word[0])


_WORDS_BY_CODE = tuple({_code_letter(word): word for word in slot} for slot in SLOTS)


@dataclass(frozen=True)
class GridSentence:
    """Six words of GRID's grammar. Raises OptionError when a word does not fit its place."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.words) != len(SLOTS):
            raise OptionError(f"{' '.join(self.words)!r}: expected {len(SLOTS)} words, got {len(self.words)}")
        for word, slot in zip(self.words, SLOTS, strict=True):
            if word not in slot:
                raise OptionError(f"{' '.join(self.words)!r}: expected one of {', '.join(slot)}, got {word!r}")

    @property
    def code(self) -> str:
        """GRID's file name of the sentence, such as `bbaf2n`; zero is `z`."""
        return "".join(_code_letter(word) for word in self.words)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def split(self) -> Split:
        """The one split that the sentence may appear in: 10 % validation, 10 % test, the rest train."""
        bucket = hashlib.sha256(self.code.encode()).digest()[0] % 10
        return "validation" if bucket == 5 else "test" if bucket == 0 else "train"

    @classmethod
    def from_code(cls, code: str) -> GridSentence:
        """The sentence that a six-letter code names. Raises OptionError."""
        try:
            words = tuple(names[letter] for names, letter in zip(_WORDS_BY_CODE, code, strict=True))
        except (KeyError, ValueError):
            raise OptionError(f"{code!r}: expected a GRID code such as bbaf2n (bin blue at f two now)") from None
        return cls(words)

    @classmethod
    def from_text(cls, text: str) -> GridSentence:
        """The sentence that six words spell. Raises OptionError."""
        return cls(tuple(text.lower().split()))


def all_sentences() -> Iterator[GridSentence]:
    """All 64 000 sentences, in the order of `SLOTS`."""
    return (GridSentence(words) for words in product(*SLOTS))


def sample_sentences(count: int, split: Split, seed: int) -> list[GridSentence]:
    """Distinct sentences of one split in which letters and digits come round evenly. The same seed gives the same list.

    Raises OptionError when the split's name is unknown or `count` is not between 1 and 1000.
    """
    if split not in SPLITS:
        raise OptionError(f"{split!r}: expected a split out of {', '.join(SPLITS)}")
    if not 1 <= count <= 1000:
        raise OptionError(f"expected 1 to 1000 drawn sentences, got {count}")
    chance = random.Random(f"{split} {seed}")
    letters, digits = _rounds(LETTERS, chance), _rounds(DIGITS, chance)
    chosen: dict[str, GridSentence] = {}
    while len(chosen) < count:
        letter, digit = next(letters), next(digits)
        sentence = None
        while sentence is None or sentence.split != split or sentence.code in chosen:
            verb, colour, preposition, adverb = (chance.choice(SLOTS[i]) for i in (0, 1, 2, 5))
            sentence = GridSentence((verb, colour, preposition, letter, digit, adverb))
        chosen[sentence.code] = sentence
    return list(chosen.values())


def _rounds(words: tuple[str, ...], chance: random.Random) -> Iterator[str]:
    while True:
        yield from chance.sample(words, len(words))
