"""Recognisers that read speech back: one that knows only GRID's sentences, one that knows English."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from imagintalk.data.grid_grammar import PLACES
from imagintalk.evaluation.ear import for_ears
from imagintalk.evaluation.whisper_weights import whisper_folder
from imagintalk.rates import EAR_SAMPLE_RATE


class Recogniser(Protocol):
    """Hears words in sound."""

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> str:
        """Words in samples (N,) in [-1, 1] at `rate` Hz; empty when none are heard. Raises DataError on bad samples."""
        ...


_LETTER = "letter_"
"""Letters have names of their own in the grammar: the dictionary's `a` would also be the unstressed article."""

_LETTER_PHONES = {
    **{"a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY"},
    **{"j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW"},
    **{"r": "AA R|AA", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "x": "EH K S", "y": "W AY", "z": "Z EH D"},
}
"""ARPAbet, alternatives after |. GRID's talkers are British: z is zed, r needs no R."""

_WORD_PHONES = {
    **{"bin": "B IH N", "lay": "L EY", "place": "P L EY S", "set": "S EH T"},
    **{"blue": "B L UW", "green": "G R IY N", "red": "R EH D", "white": "W AY T"},
    **{"at": "AE T", "by": "B AY", "in": "IH N", "with": "W IH DH|W IH TH"},
    **{"zero": "Z IH R OW|Z IY R OW", "one": "W AH N", "two": "T UW", "three": "TH R IY", "four": "F AO R|F AO"},
    **{"five": "F AY V", "six": "S IH K S", "seven": "S EH V AH N", "eight": "EY T", "nine": "N AY N"},
    **{"again": "AH G EH N|AH G EY N", "now": "N AW", "please": "P L IY Z", "soon": "S UW N"},
}


class GrammarRecogniser:
    """pocketsphinx with its English acoustic model, bound to GRID's 64 000 sentences.

    Settings (our choice) erred least on GRID's validation split: 10.7 % of words, against 12.1 % with the defaults.
    """

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            dictionary, grammar = Path(folder, "grid.dict"), Path(folder, "grid.jsgf")
            dictionary.write_text(_dictionary(), encoding="ascii")
            grammar.write_text(_grammar(), encoding="ascii")
            self._decoder = pocketsphinx.Decoder(
                hmm=pocketsphinx.get_model_path("en-us/en-us"),
                dict=str(dictionary),
                jsgf=str(grammar),
                samprate=EAR_SAMPLE_RATE,
                lw=1.0,
                wip=1.0,
                bestpath=False,
                loglevel="FATAL",
            )

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> str:
        """Six words of GRID's grammar, or none when no sentence fits (silence). See `Recogniser`."""
        sound = np.round(for_ears(samples, rate) * np.iinfo(np.int16).max).astype("<i2")
        self._decoder.start_utt()
        self._decoder.process_raw(sound.tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr.replace(_LETTER, "") if hypothesis else ""


class WhisperRecogniser:
    """Whisper base (Radford et al. 2022), English, any words; greedy, so that the same sound gives the same words."""

    def __init__(self, threads: int = 1) -> None:
        from faster_whisper import WhisperModel  # the other recognisers do without it

        self._model = WhisperModel(
            str(whisper_folder()), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> str:
        """Words with punctuation. See `Recogniser`."""
        segments, _ = self._model.transcribe(
            for_ears(samples, rate), language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)


def _dictionary() -> str:
    """Pronunciations in CMU's format: `word phones`, further ones as `word(2) phones`."""
    entries = _WORD_PHONES | {_LETTER + letter: phones for letter, phones in _LETTER_PHONES.items()}
    lines = []
    for word, alternatives in entries.items():
        for number, phones in enumerate(alternatives.split("|"), 1):
            lines.append(f"{word if number == 1 else f'{word}({number})'} {phones}\n")
    return "".join(lines)


def _grammar() -> str:
    places = [[_LETTER + w if place == "letter" else w for w in words.values()] for place, words in PLACES]
    sentence = " ".join(f"({' | '.join(words)})" for words in places)
    return f"#JSGF V1.0;\ngrammar grid;\npublic <sentence> = {sentence};\n"
