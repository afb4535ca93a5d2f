"""Word errors between what was said and what a recogniser heard."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import jiwer

from imagintalk.data.grid_grammar import DIGITS
from imagintalk.errors import DataError

_SPELT = {str(value): word for value, word in enumerate(DIGITS)}

_SOUNDS_LIKE = {
    **{"to": "two", "too": "two", "for": "four", "won": "one", "ate": "eight", "read": "red", "blew": "blue"},
    **{"buy": "by", "bye": "by", "inn": "in", "been": "bin", "oh": "o", "be": "b", "bee": "b", "see": "c", "sea": "c"},
    **{"gee": "g", "eye": "i", "jay": "j", "kay": "k", "pea": "p", "cue": "q", "queue": "q", "are": "r", "tea": "t"},
    **{"you": "u", "ex": "x", "why": "y", "zed": "z", "zee": "z", "aitch": "h", "em": "m", "en": "n", "el": "l"},
}
"""Spellings of the same sound outside of GRID's 51 words. An open-vocabulary recogniser that writes `see` for the
letter c has heard it right (our choice)."""


@dataclass(frozen=True)
class WordErrors:
    """Counts over one or more sentences."""

    errors: int
    """Substitutions, deletions and insertions."""
    words: int
    """Words in the references."""

    @property
    def rate(self) -> float:
        """Errors per word of the reference; above 1 when more is inserted than was said."""
        return self.errors / self.words


def normalise(sentence: str) -> str:
    """The sentence as bare lower-case words: `Bin blue, at F2 now.` is `bin blue at f two now`."""
    words = re.findall(r"[a-z']+|\d", sentence.lower().replace("’", "'"))
    return " ".join(_SOUNDS_LIKE.get(word, _SPELT.get(word, word)) for word in words)


def word_errors(said: str, heard: str) -> WordErrors:
    """Errors of one sentence, after `normalise` of both. Raises DataError when nothing was said."""
    reference = normalise(said)
    if not reference:
        raise DataError(f"{said!r}: expected the words that were said, found none")
    found = jiwer.process_words(reference, normalise(heard))
    return WordErrors(found.substitutions + found.deletions + found.insertions, len(reference.split()))


def pooled(sentences: Iterable[WordErrors]) -> WordErrors:
    """All sentences as one, so that each word counts the same. Raises DataError when there is none."""
    counts = list(sentences)
    if not counts:
        raise DataError("expected at least one sentence to count word errors in, got none")
    return WordErrors(sum(c.errors for c in counts), sum(c.words for c in counts))
