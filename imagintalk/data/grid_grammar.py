"""GRID's sentences (Cooke, Barker, Cunningham, Shao 2006): six places, their words, and the names that spell them."""

from __future__ import annotations

from imagintalk.errors import DataError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

PLACES: tuple[tuple[str, dict[str, str]], ...] = (
    ("verb", {"b": "bin", "l": "lay", "p": "place", "s": "set"}),
    ("colour", {"b": "blue", "g": "green", "r": "red", "w": "white"}),
    ("preposition", {"a": "at", "b": "by", "i": "in", "w": "with"}),
    ("letter", {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"}),
    ("digit", dict(zip("z123456789", DIGITS, strict=True))),
    ("adverb", {"a": "again", "n": "now", "p": "please", "s": "soon"}),
)
"""Name of each place, and the words that may stand there by their character in a file name. GRID has no letter w."""


def sentence_of(stem: str) -> str:
    """The six words that a GRID file name spells: bbaf2n is `bin blue at f two now`. Raises DataError."""
    if len(stem) != len(PLACES):
        raise DataError(f"{stem}: expected a GRID name of {len(PLACES)} characters such as bbaf2n, got {len(stem)}")
    words = []
    for character, (place, known) in zip(stem, PLACES, strict=True):
        if character not in known:
            raise DataError(f"{stem}: expected a GRID {place}, one of {' '.join(known)}, got {character!r}")
        words.append(known[character])
    return " ".join(words)
