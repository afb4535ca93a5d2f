"""Made speech against the recording of the same clip, by the meters that the field compares systems with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pesq
import pystoi
import soundfile
from mel_cepstral_distance import compare_audio_files
from numpy.typing import NDArray

from imagintalk.errors import VoiceError
from imagintalk.evaluation.ear import for_ears
from imagintalk.evaluation.intelligibility import estoi
from imagintalk.evaluation.naturalness import dnsmos_of
from imagintalk.evaluation.pitch import STEP_S, pitch_of
from imagintalk.rates import EAR_SAMPLE_RATE
from imagintalk.style.speaker import SpeakerEncoder

QUIETEST_DB = -60.0
"""Frames below are as silent as silence: that one of two silences is 40 dB quieter is not heard."""
LOWEST_PESQ = 1.0

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Meter:
    """What a figure means."""

    name: str
    unit: str
    small_is_good: bool
    says: str


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
    Meter("duration error", " s", True, "difference of the lengths"),
)
"""In the order of the table."""


class Meters:
    """Measures pairs; holds the networks that some meters are."""

    def __init__(self) -> None:
        self._speaker = SpeakerEncoder()

    def measure(self, true: Sound, made: Sound, rate: int) -> dict[str, float]:
        """By meter's name, NaN where the pair has no such figure (nothing voiced, no voice to know).

        true (N,), made (M,): the same clip, at `rate` Hz, starting together. Raises DataError when either is empty, not
        finite, or `true` holds less speech than can be compared.
        """
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
    one, other = (_levels(samples, rate) for samples in (true, made))
    spoken = one > QUIETEST_DB
    return float(np.sqrt(np.mean(np.square(one - other)[spoken]))) if spoken.any() else float("nan")


def _levels(samples: Sound, rate: int) -> NDArray[np.float64]:
    """(frames,) dB every 10 ms, 0 at full scale, not below `QUIETEST_DB`."""
    frame = round(STEP_S * rate)
    cut = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    return np.maximum(10 * np.log10(np.square(cut).mean(axis=1) + 1e-12), QUIETEST_DB)


def _or_nan(measure: Callable[[], float]) -> float:
    try:
        return measure()
    except (VoiceError, pesq.PesqError):
        return float("nan")
