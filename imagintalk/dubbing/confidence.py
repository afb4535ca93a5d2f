"""How sure the model is of what the lips say, and what to tell the user when it is not."""

from __future__ import annotations

import numpy as np

from imagintalk.types import ContentTokens

LEAST_CONFIDENCE = 0.35
"""Mean probability of the chosen token below which the clip is unlike those that the model was trained on."""

MOST_REFILLED = 0.9
"""Share of misaligned tokens above which the speech is mostly guessed. Ours."""


def confidence(content: ContentTokens) -> float:
    """0..1, the mean probability that the lip aligner gives to the token it chose."""
    return float(np.mean(content.probability))


def content_warnings(content: ContentTokens) -> tuple[str, ...]:
    """One sentence for each sign that the words are likely to be wrong."""
    warnings = []
    sure, refilled = confidence(content), float(np.mean(content.masked))
    if sure < LEAST_CONFIDENCE:
        warnings.append(
            f"the lips are unlike those that the model knows (confidence {sure:.0%}, expected {LEAST_CONFIDENCE:.0%});"
            " the words are likely to be wrong"
        )
    if refilled > MOST_REFILLED:
        warnings.append(f"{refilled:.0%} of what was read from the lips was doubtful and guessed anew")
    return tuple(warnings)
