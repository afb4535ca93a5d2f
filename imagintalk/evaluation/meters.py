"""Made speech against the recording of the same clip, by the meters that the field compares systems with."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pesq
import pystoi
import soundfile
from mel_cepstral_distance import compare_audio_files
from numpy.typing import NDArray

from imagintalk.errors import DataError, VoiceError
from imagintalk.evaluation.ear import for_ears
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.intelligibility import estoi
from imagintalk.evaluation.levels import QUIETEST_DB, levels
from imagintalk.evaluation.lip_sync import lip_sync
from imagintalk.evaluation.naturalness import dnsmos_of
from imagintalk.evaluation.pitch import pitch_of
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.recognisers import GRAMMAR, SLOTS, WHISPER, can_hear
from imagintalk.evaluation.words import WordErrors, word_errors
from imagintalk.rates import EAR_SAMPLE_RATE
from imagintalk.style.speaker import SpeakerEncoder

logging.getLogger("mel_cepstral_distance").setLevel(logging.ERROR)  # it advises another window at each call

LOWEST_PESQ = 1.0

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Meter:
    """What a figure means."""

    name: str
    unit: str
    small_is_good: bool
    says: str


def wer(recogniser: str) -> str:
    """The meter of word errors by a recogniser."""
    return f"WER, {recogniser}"


METERS = (
    Meter("ESTOI", "", False, "share of the speech that can be understood (Jensen and Taal 2016)"),
    Meter("STOI", "", False, "the same, less strict (Taal et al. 2011)"),
    Meter("PESQ", "", False, "wide-band, 1 to 4.64 (ITU-T P.862.2)"),
    Meter("MCD", " dB", True, "mel-cepstral distance after dynamic time warping (Kubichek 1993)"),
    Meter("F0 RMSE", " Hz", True, "of the pitch, over the frames of 10 ms that are voiced in both"),
    Meter("energy RMSE", " dB", True, "of the level of frames of 10 ms"),
    Meter("DNSMOS", "", False, "what listeners would say, 1 to 5 (Reddy et al. 2022)"),
    Meter("P.808", "", False, "the same by its P.808 model"),
    Meter("speaker", "", False, "GE2E cosine to the recording (Wan et al. 2018)"),
    Meter("emotion", "", False, "cosine to the recording between embeddings of our ear for emotions"),
    Meter("duration error", " s", True, "difference of the lengths"),
    Meter("lip offset", " s", True, "how far loudness and the opening of the mouth are apart, early or late (our own)"),
    Meter("lip correlation", "", False, "of loudness and the opening of the mouth, at that offset"),
    Meter(wer(SLOTS), " %", True, "word errors by our recogniser of GRID's sentences"),
    Meter(wer(GRAMMAR), " %", True, "the same by pocketsphinx, bound to GRID's grammar"),
    Meter(wer(WHISPER), " %", True, "the same by Whisper base, any words (Radford et al. 2022)"),
)
"""In the order of the table."""


@dataclass(frozen=True)
class Pair:
    """A clip's recording and made speech, at the same rate and starting together."""

    true: Sound
    """(N,)"""
    made: Sound
    """(M,)"""
    rate: int
    said: str = ""
    """The words; empty where nobody knows them."""
    opening: NDArray[np.float64] | None = None
    """(T,) how wide the mouth is open, 25 fps; None without a picture."""


@dataclass(frozen=True)
class Measured:
    """What the meters say of a pair."""

    figures: dict[str, float] = field(default_factory=lambda: {meter.name: float("nan") for meter in METERS})
    """By the name of the meter, NaN where it cannot tell (nothing voiced, words not known, no picture)."""
    heard: dict[str, str] = field(default_factory=dict)
    """By the recogniser, the words that it hears in the made speech."""
    errors: dict[str, WordErrors] = field(default_factory=dict)
    """By the meter, what its word error rate is made of."""


class Meters:
    """Measures pairs; holds the networks that some meters are."""

    def __init__(self, recognisers: Mapping[str, Recogniser], emotion: EmotionEar) -> None:
        """recognisers: by the names of `evaluation.recognisers`."""
        self._speaker, self._emotion, self._recognisers = SpeakerEncoder(), emotion, recognisers

    def measure(self, pair: Pair) -> Measured:
        """Raises DataError when either sound is empty, not finite, or the true one holds too little speech."""
        heard = {
            name: ear.transcribe(pair.made, pair.rate)
            for name, ear in self._recognisers.items()
            if can_hear(name, pair.said)
        }
        errors = {wer(name): word_errors(pair.said, words) for name, words in heard.items()}
        figures = Measured().figures | self._sounds(pair.true, pair.made, pair.rate)
        figures |= {meter: 100 * found.rate for meter, found in errors.items()}
        if pair.opening is not None:
            found = lip_sync(pair.opening, pair.made, pair.rate)
            figures |= {"lip offset": abs(found.offset_s), "lip correlation": found.correlation}
        return Measured(figures, heard, errors)

    def _sounds(self, true: Sound, made: Sound, rate: int) -> dict[str, float]:
        """The meters that need nothing but the sounds."""
        length = min(len(true), len(made))
        ears = for_ears(true, rate), for_ears(made, rate)
        shorter = min(len(ears[0]), len(ears[1]))
        heard = dnsmos_of(made, rate)
        return {
            "ESTOI": estoi(true[:length], made[:length], rate),
            "STOI": max(0.0, float(pystoi.stoi(true[:length], made[:length], rate))) if np.any(made) else 0.0,
            "PESQ": quality(ears[0][:shorter], ears[1][:shorter]),
            "MCD": cepstral_distance(true, made, rate),
            "F0 RMSE": pitch_error(true[:length], made[:length], rate),
            "energy RMSE": level_error(true[:length], made[:length], rate),
            "DNSMOS": heard.overall,
            "P.808": heard.p808,
            "speaker": _or_nan(lambda: float(self._speaker.embed(true, rate) @ self._speaker.embed(made, rate))),
            "emotion": _or_nan(lambda: float(self._emotion.embed(true, rate) @ self._emotion.embed(made, rate))),
            "duration error": abs(len(true) - len(made)) / rate,
        }


def quality(true: Sound, made: Sound) -> float:
    """Wide-band PESQ of samples (N,) at 16 kHz, its lowest for silence; NaN where it finds nothing said in `true`."""
    if not np.any(made):
        return LOWEST_PESQ
    return _or_nan(lambda: float(pesq.pesq(EAR_SAMPLE_RATE, true, made, "wb")))


def cepstral_distance(true: Sound, made: Sound, rate: int) -> float:
    """Mel-cepstral distance in dB, coefficients 1 to 15, frames paired by dynamic time warping; NaN for silence."""
    if not (np.any(true) and np.any(made)):
        return float("nan")
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "true.wav"), Path(folder, "made.wav")
        for path, samples in zip(paths, (true, made), strict=True):
            soundfile.write(path, samples, rate)
        distance, _ = compare_audio_files(*paths)
    return float(distance)


def pitch_error(true: Sound, made: Sound, rate: int) -> float:
    """Root mean square difference of the pitch in Hz where both are voiced; NaN where that is nowhere."""
    tracks = pitch_of(true, rate), pitch_of(made, rate)
    frames = min(map(len, tracks))
    one, other = (track[:frames] for track in tracks)
    both = (one > 0) & (other > 0)
    return float(np.sqrt(np.mean(np.square(one[both] - other[both])))) if both.any() else float("nan")


def level_error(true: Sound, made: Sound, rate: int) -> float:
    """Root mean square difference of the level in dB, over frames that are not silent in the recording."""
    one, other = (levels(samples, rate) for samples in (true, made))
    spoken = one > QUIETEST_DB
    return float(np.sqrt(np.mean(np.square(one - other)[spoken]))) if spoken.any() else float("nan")


def _or_nan(measure: Callable[[], float]) -> float:
    try:
        return measure()
    except (VoiceError, DataError, pesq.PesqError):
        return float("nan")
