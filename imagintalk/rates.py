"""Every rate of the program, derived once and divided exactly (DESIGN section 3).

One video frame = 2 token frames = 960 samples. Nothing else in the program states a rate as a number.
"""

from __future__ import annotations

from fractions import Fraction

VIDEO_FPS: int = 25
"""Frames per second that every picture is resampled to before the model."""

TOKEN_HZ: int = 50
"""Content tokens, c_lip and c_emo frames per second."""

SAMPLE_RATE: int = 24_000
"""Samples per second of all speech that the program writes."""

EAR_SAMPLE_RATE: int = 16_000
"""Samples per second that recognisers, the speaker encoder and the phoneme model listen at."""


def exact_ratio(numerator: int, denominator: int) -> int:
    """Return numerator / denominator. Raises ValueError unless it divides exactly."""
    quotient, rest = divmod(numerator, denominator)
    if rest:
        raise ValueError(f"expected rates that divide exactly, got {numerator} / {denominator}")
    return quotient


TOKENS_PER_VIDEO_FRAME: int = exact_ratio(TOKEN_HZ, VIDEO_FPS)
SAMPLES_PER_VIDEO_FRAME: int = exact_ratio(SAMPLE_RATE, VIDEO_FPS)
SAMPLES_PER_TOKEN: int = exact_ratio(SAMPLE_RATE, TOKEN_HZ)


def samples_of(duration_s: float | Fraction) -> int:
    """Samples at 24 kHz of a clip of `duration_s` seconds: round(d * 24000), half to even."""
    return round(Fraction(duration_s) * SAMPLE_RATE)
