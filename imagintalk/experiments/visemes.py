"""What is seen of a phoneme: classes that lips can tell apart, more or less (ours, after Jeffers and Barley 1971)."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from imagintalk.tokens.phoneme import PhonemeTokenizer, symbols

VISEMES: tuple[tuple[str, str], ...] = (
    ("silence", ""),
    ("p b m", "pbm"),
    ("f v", "fv"),
    ("th", "θð"),
    ("t d n l s z", "tdnlsz"),
    ("sh ch j", "ʃʒɕʂc"),
    ("k g ng h", "kgɡŋhx"),
    ("w r", "wɹrʋ"),
    ("ee i e", "iɪejɛy"),
    ("a", "aɑæʌɐ"),
    ("uh er", "əɚɜɝɘ"),
    ("o oo", "oɔɒuʊ"),
)
"""Name, and the first characters of the phonetic symbols that look so."""
NAMES = tuple(name for name, _ in VISEMES)
_AFFRICATES = ("t͡ʃ", "d͡ʒ", "t͡ɕ")


def viseme_of(symbol: str) -> int | None:
    """Number of the viseme of a phonetic symbol; None where it is no phoneme."""
    if symbol.startswith("<") or not symbol.strip():
        return None
    first = "ʃ" if symbol.startswith(_AFFRICATES) else symbol[0]
    return next((number for number, (_, firsts) in enumerate(VISEMES) if first in firsts), None)


def visemes_in(samples: NDArray[np.float32]) -> NDArray[np.int64]:
    """(T50,) viseme at each frame of 50 Hz of samples (N,) at 16 kHz, as the phoneme recogniser hears them."""
    tokenizer, table = _tokenizer()
    return table[tokenizer.encode(samples)]


@cache
def _tokenizer() -> tuple[PhonemeTokenizer, NDArray[np.int64]]:
    """Every phoneme is a token, and which viseme each token is; token 0 is silence."""
    known = [(number, viseme_of(symbol)) for number, symbol in enumerate(symbols())]
    seen = [(number, viseme) for number, viseme in known if viseme is not None]
    tokenizer = PhonemeTokenizer(1 + len(seen))
    tokenizer.symbols.copy_(torch.tensor([number for number, _ in seen]))
    return tokenizer, np.array([0, *(viseme for _, viseme in seen)], dtype=np.int64)
