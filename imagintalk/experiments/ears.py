"""All that experiments listen with. A better recogniser or emotion model is put in here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import DataError, VoiceError
from imagintalk.evaluation.ears.emotion import WIDTH, EmotionEar
from imagintalk.evaluation.ears.slots import SlotRecogniser
from imagintalk.evaluation.ears.store import EMBEDDED
from imagintalk.evaluation.intelligibility import estoi
from imagintalk.evaluation.meters import cepstral_distance, pitch_error
from imagintalk.evaluation.naturalness import dnsmos_of
from imagintalk.evaluation.pitch import measure_prosody, pitch_of
from imagintalk.evaluation.recogniser import Recogniser
from imagintalk.evaluation.recognisers import SLOTS
from imagintalk.evaluation.words import word_errors
from imagintalk.rates import SAMPLE_RATE
from imagintalk.style.identity import SPEAKER_WIDTH
from imagintalk.style.speaker import SpeakerEncoder
from imagintalk.types import Emotion

Sound = NDArray[np.float32]
"""(N,) in [-1, 1] at 24 kHz."""
NOTHING = float("nan")

T = TypeVar("T")


class Ears:
    """Figures of sounds; NaN, or a vector of NaN, where a sound has no such figure. Each meter is loaded when used."""

    words_heard_by = SLOTS
    """Rows of two recognisers must not meet in one table."""

    def __init__(self, folder: Path = EMBEDDED) -> None:
        """folder: of the weights of our own ears. Raises WeightsError when one of them is used and is not there."""
        self._folder = folder

    @cached_property
    def _recogniser(self) -> Recogniser:
        return SlotRecogniser(self._folder)

    @cached_property
    def _speaker(self) -> SpeakerEncoder:
        return SpeakerEncoder()

    @cached_property
    def _emotions(self) -> EmotionEar:
        return EmotionEar(self._folder)

    def wer(self, said: str, sound: Sound) -> float:
        """Word errors per hundred words of what was said."""
        return 100 * word_errors(said, self._recogniser.transcribe(sound, SAMPLE_RATE)).rate

    def estoi(self, true: Sound, made: Sound) -> float:
        """Share of the speech that can be understood."""
        return estoi(true, made, SAMPLE_RATE)

    def mcd(self, true: Sound, made: Sound) -> float:
        """Mel-cepstral distance in dB."""
        return cepstral_distance(true, made, SAMPLE_RATE)

    def dnsmos(self, sound: Sound) -> float:
        """What listeners would say, 1 to 5."""
        return dnsmos_of(sound, SAMPLE_RATE).overall

    def f0_rmse(self, true: Sound, made: Sound) -> float:
        """Hz, over frames that are voiced in both."""
        length = min(len(true), len(made))
        return pitch_error(true[:length], made[:length], SAMPLE_RATE)

    def f0_range(self, sound: Sound) -> float:
        """Semitones from the 5th to the 95th percentile."""
        return _or(NOTHING, lambda: measure_prosody(sound, SAMPLE_RATE).pitch_range_semitones)

    def f0_mean(self, sound: Sound) -> float:
        """Mean of the voiced frames in semitones above 55 Hz."""
        pitch = pitch_of(sound, SAMPLE_RATE)
        voiced = pitch[pitch > 0]
        return float(12 * np.log2(voiced / 55).mean()) if len(voiced) else NOTHING

    def level(self, sound: Sound) -> float:
        """Mean level of the voiced parts in dB."""
        return _or(NOTHING, lambda: measure_prosody(sound, SAMPLE_RATE).energy_db)

    def voice(self, sound: Sound) -> NDArray[np.float32]:
        """(256,) GE2E, unit length."""
        nothing = np.full(SPEAKER_WIDTH, np.nan, np.float32)
        return _or(nothing, lambda: self._speaker.embed(sound, SAMPLE_RATE))

    def emotion(self, sound: Sound) -> NDArray[np.float32]:
        """(64,) unit length; the cosine of two says how alike they feel."""
        return _or(np.full(WIDTH, np.nan, np.float32), lambda: self._emotions.embed(sound, SAMPLE_RATE))

    def emotion_asked(self, emotion: Emotion) -> NDArray[np.float32]:
        """(64,) unit length: the embedding that is most like an emotion."""
        return self._emotions.direction(emotion)


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Of two vectors of unit length."""
    return float(one @ other)


def fitting(true: Sound, made: Sound) -> tuple[Sound, Sound]:
    """Both cut to the shorter: a picture's frames may end a little beside its sound."""
    length = min(len(true), len(made))
    return true[:length], made[:length]


def _or(instead: T, measure: Callable[[], T]) -> T:
    try:
        return measure()
    except (DataError, VoiceError):
        return instead
