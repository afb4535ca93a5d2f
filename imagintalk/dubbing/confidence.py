"""How sure the model is of what the lips say, and what to tell the user when it is not."""

from __future__ import annotations

import numpy as np

from imagintalk.types import ContentTokens

LEAST_SIMILARITY = 0.77
"""Mean similarity of lips and tokens, by the error detector, below which a clip is unlike the training clips.

Measured with the embedded model: 114 validation clips lie at 0.784 and above, five of eight from the wild at 0.71 and
below.
"""

LEAST_CONFIDENCE = 0.56
"""The same for the mean probability of the chosen token: 0.564 and above, all eight at 0.559 and below."""

MOST_REFILLED = 0.9
"""Share of misaligned tokens above which the speech is mostly guessed. Ours."""


def confidence(content: ContentTokens) -> float:
    """0..1, the mean probability that the lip aligner gives to the token it chose."""
    return float(np.mean(content.probability))


def content_warnings(content: ContentTokens) -> tuple[str, ...]:
    """One sentence for each sign that the words are likely to be wrong."""
    warnings = []
    sure, fit, refilled = confidence(content), float(content.similarity.mean()), float(content.masked.mean())
    if sure < LEAST_CONFIDENCE or fit < LEAST_SIMILARITY:
        warnings.append(
            "the lips are unlike those that the model knows, so the words are likely to be wrong"
            f" (similarity {fit:.2f}, usual from {LEAST_SIMILARITY}; confidence {sure:.2f}, from {LEAST_CONFIDENCE})"
        )
    if refilled > MOST_REFILLED:
        warnings.append(f"{refilled:.0%} of what was read from the lips was doubtful and guessed anew")
    return tuple(warnings)
