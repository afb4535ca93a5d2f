"""From the phones of a sentence to the shape of the mouth in every frame of the picture.

Each phone has a target; vowel-like movements blend by dominance, strong near the phone and fading around it (the idea
of Cohen and Massaro 1993), while closures such as b or f are reached in full whatever stands beside them. Targets
and constants are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagintalk.drawn.voice import Span
from imagintalk.rates import VIDEO_FPS

BLENDED = ("jaw", "wide", "round", "upper", "lower", "tongue")
CONSTRICTED = ("close", "press", "tuck", "out")
PARAMETERS = BLENDED + CONSTRICTED
"""jaw: lowered; wide: corners apart (negative: together); round: lips forward, opening small; upper, lower: lip drawn
up, down, off the teeth; tongue: tip raised; close: lips meet; press: rolled in; tuck: lower lip under the upper teeth;
out: tongue between the teeth. All 0..1 but wide, -1..1."""

_VOWELS = {
    #     jaw   wide  round upper lower tongue
    "i": (0.22, 0.95, 0.00, 0.40, 0.50, 0.70),
    "ɪ": (0.32, 0.50, 0.00, 0.28, 0.35, 0.45),
    "e": (0.45, 0.65, 0.00, 0.35, 0.40, 0.40),
    "ɛ": (0.60, 0.35, 0.00, 0.30, 0.35, 0.25),
    "æ": (0.85, 0.50, 0.00, 0.45, 0.40, 0.10),
    "a": (1.00, 0.10, 0.00, 0.25, 0.35, 0.05),
    "ɑ": (0.90, -0.20, 0.05, 0.15, 0.25, 0.00),
    "ʌ": (0.65, -0.05, 0.05, 0.20, 0.25, 0.15),
    "ə": (0.40, 0.00, 0.05, 0.15, 0.20, 0.20),
    "ɐ": (0.45, 0.05, 0.00, 0.18, 0.20, 0.15),
    "ɔ": (0.65, -0.25, 0.55, 0.10, 0.20, 0.05),
    "o": (0.50, -0.30, 0.75, 0.05, 0.15, 0.10),
    "ʊ": (0.28, -0.30, 0.80, 0.05, 0.15, 0.15),
    "u": (0.16, -0.40, 1.00, 0.00, 0.10, 0.20),
}

_CONSONANTS: dict[str, dict[str, tuple[float, float]]] = {
    # parameter: (target, strength against the vowels' 1)
    "b": {"jaw": (0.12, 1.0), "upper": (0.0, 1.0), "lower": (0.0, 1.0), "close": (1.0, 1.0), "press": (0.5, 1.0)},
    "p": {"jaw": (0.05, 1.2), "upper": (0.0, 1.0), "lower": (0.0, 1.0), "close": (1.0, 1.0), "press": (1.0, 1.0)},
    "m": {"jaw": (0.16, 1.0), "upper": (0.0, 1.0), "lower": (0.0, 1.0), "close": (1.0, 1.0), "press": (0.1, 1.0)},
    "f": {"jaw": (0.10, 1.2), "upper": (0.75, 1.0), "wide": (0.15, 0.4), "round": (0.0, 0.5), "tuck": (1.0, 1.0)},
    "v": {"jaw": (0.18, 1.0), "upper": (0.50, 1.0), "wide": (0.05, 0.4), "round": (0.0, 0.5), "tuck": (0.85, 1.0)},
    "w": {"jaw": (0.10, 1.2), "wide": (-0.6, 1.2), "round": (1.0, 1.8), "upper": (0.0, 1.0), "lower": (0.0, 1.0)},
    "ɹ": {"jaw": (0.22, 0.8), "wide": (-0.2, 0.6), "round": (0.60, 1.0), "lower": (0.35, 0.7), "tongue": (0.4, 1.0)},
    "l": {"jaw": (0.42, 0.8), "wide": (0.15, 0.2), "upper": (0.3, 0.5), "lower": (0.3, 0.5), "tongue": (1.0, 2.0)},
    "n": {"jaw": (0.24, 0.8), "wide": (0.20, 0.2), "upper": (0.3, 0.4), "lower": (0.3, 0.4), "tongue": (0.9, 1.8)},
    "t": {"jaw": (0.12, 1.0), "wide": (0.25, 0.2), "upper": (0.35, 0.5), "lower": (0.45, 0.5), "tongue": (0.95, 1.6)},
    "d": {"jaw": (0.20, 0.9), "wide": (0.20, 0.2), "upper": (0.30, 0.4), "lower": (0.35, 0.4), "tongue": (0.9, 1.6)},
    "s": {"jaw": (0.05, 1.6), "wide": (0.55, 0.8), "upper": (0.50, 1.2), "lower": (0.70, 1.2), "tongue": (0.5, 1.0)},
    "z": {"jaw": (0.10, 1.4), "wide": (0.40, 0.7), "upper": (0.40, 1.1), "lower": (0.60, 1.1), "tongue": (0.5, 1.0)},
    "ʃ": {"jaw": (0.06, 1.5), "wide": (-0.1, 0.8), "round": (0.65, 1.4), "upper": (0.7, 1.2), "lower": (0.8, 1.2)},
    "ʒ": {"jaw": (0.10, 1.3), "wide": (-0.1, 0.8), "round": (0.55, 1.3), "upper": (0.6, 1.1), "lower": (0.7, 1.1)},
    "θ": {"jaw": (0.26, 1.2), "upper": (0.35, 0.8), "lower": (0.30, 0.8), "tongue": (0.3, 1.0), "out": (1.0, 1.0)},
    "ð": {"jaw": (0.26, 1.0), "upper": (0.30, 0.6), "lower": (0.30, 0.6), "tongue": (0.3, 1.0), "out": (0.75, 1.0)},
    "k": {"jaw": (0.30, 0.6), "upper": (0.20, 0.2), "lower": (0.25, 0.2), "tongue": (0.1, 0.6)},
    "ɡ": {"jaw": (0.36, 0.5), "upper": (0.20, 0.2), "lower": (0.25, 0.2), "tongue": (0.1, 0.6)},
    "j": {"jaw": (0.18, 0.9), "wide": (0.60, 0.5), "upper": (0.30, 0.5), "lower": (0.35, 0.5), "tongue": (0.6, 0.8)},
}

TARGETS: dict[str, dict[str, tuple[float, float]]] = {
    phone: {name: (value, 1.0) for name, value in zip(BLENDED, values, strict=True)}
    for phone, values in _VOWELS.items()
} | _CONSONANTS
"""For each phone its parameters: target and strength."""

_REST = dict.fromkeys(BLENDED, (0.0, 1.0)) | {"close": (1.0, 1.0)}
_FADE_S = 0.025
"""Time in which a phone's dominance falls to 1/e outside of it."""
_REST_STRENGTH = 0.6
_LONGEST_MERGED_GAP_S = 0.3
"""Silences shorter than this do not close the mouth."""
_SHORTEST_HOLD_S = 0.06
"""A closure lasts at least this long, so that a frame of 40 ms shows it."""
_RAMP_S = 0.06
_STEPS_PER_FRAME = 8


def mouth_track(phones: Sequence[Span], frames: int) -> NDArray[np.float32]:
    """(frames, len(PARAMETERS)) mouth shapes at 25 fps; `phones` are in seconds from the first frame's beginning.

    A frame shows the mean of the movement while its shutter is open, and the tightest of a closure.
    Before, after and in long pauses the mouth is shut. Raises KeyError for a phone that is not in TARGETS.
    """
    times = (np.arange(frames * _STEPS_PER_FRAME) + 0.5) / (VIDEO_FPS * _STEPS_PER_FRAME)
    pieces = [(span.start_s, span.end_s, TARGETS[span.name], 1.0) for span in phones]
    pieces += [(start, end, _REST, _REST_STRENGTH) for start, end in _pauses(phones, frames / VIDEO_FPS)]
    fine = np.zeros((len(PARAMETERS), len(times)))
    for row, name in enumerate(BLENDED):
        weight, total = np.full(len(times), 1e-9), np.zeros(len(times))
        for start, end, targets, scale in pieces:
            value, strength = targets.get(name, (0.0, 0.0))
            if strength:
                away = np.maximum(np.maximum(start - times, times - end), 0.0)
                dominance = scale * strength * np.exp(-away / _FADE_S)
                weight, total = weight + dominance, total + dominance * value
        fine[row] = total / weight
    for row, name in enumerate(CONSTRICTED, len(BLENDED)):
        for start, end, targets, _ in pieces:
            if name in targets:
                short = max(0.0, _SHORTEST_HOLD_S - (end - start)) / 2
                away = np.maximum(np.maximum(start - short - times, times - end - short), 0.0)
                ramp = 0.5 + 0.5 * np.cos(np.pi * np.minimum(away / _RAMP_S, 1.0))
                fine[row] = np.maximum(fine[row], targets[name][0] * ramp)
    shots = fine.reshape(len(PARAMETERS), frames, _STEPS_PER_FRAME)
    blended, constricted = shots[: len(BLENDED)].mean(axis=2), shots[len(BLENDED) :].max(axis=2)
    return np.concatenate([blended, constricted]).T.astype(np.float32)


def _pauses(phones: Sequence[Span], duration_s: float) -> list[tuple[float, float]]:
    starts = [0.0, *(span.end_s for span in phones)]
    ends = [*(span.start_s for span in phones), duration_s]
    gaps = list(zip(starts, ends, strict=True))
    inner = [(a, b) for a, b in gaps[1:-1] if b - a > _LONGEST_MERGED_GAP_S]
    # the mouth opens a little before the sound and shuts a little after it
    return [(min(-1.0, gaps[0][0]), gaps[0][1] - 0.12), *inner, (gaps[-1][0] + 0.08, duration_s + 1.0)]
