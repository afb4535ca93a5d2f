"""Content tokens of the same words as somebody else would say them, so that neither voice nor feeling is read off them.

Tokens read from lips tell what is said and when. Tokens read from a recording tell a little of its voice and feeling
too, and a network that trains on these alone learns to look there, and not where voice and emotion are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import librosa
import numpy as np
import soxr
from numpy.typing import NDArray

from imagintalk.data.cache import Example
from imagintalk.rates import EAR_SAMPLE_RATE
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.tokens.phoneme import PhonemeTokenizer
from imagintalk.training.token_table import ear_samples

RESIZED = (0.8, 0.9, 1.1, 1.25)
"""Vocal tracts, relative: the recording is played slower or faster, and its tokens are put back to their own times."""
ENOUGH_TALKERS = 5
"""Saying one text, from which on they lend each other their tokens."""


class TokenVariants:
    """Draws other ids (T50,) for an example, frame by frame in time with its own."""

    def __init__(self, examples: Sequence[Example], tokenizer: KMeansTokenizer | PhonemeTokenizer) -> None:
        self.tokenizer = tokenizer
        self._resized: dict[tuple[str, str, float], NDArray[np.int64]] = {}
        self._saying: dict[tuple[str, str], list[Example]] = defaultdict(list)
        for example in examples:
            if example.text:
                self._saying[example.corpus, example.text].append(example)

    def draw(self, example: Example, rng: np.random.Generator) -> NDArray[np.int64]:
        """The tokens of another talker's recording of the same text, where many say it, or of a resized talker."""
        others = [e for e in self._saying.get((example.corpus, example.text), []) if e.talker != example.talker]
        if len({e.talker for e in others}) >= ENOUGH_TALKERS and isinstance(self.tokenizer, KMeansTokenizer):
            return _borrowed(example, others[int(rng.integers(len(others)))], self.tokenizer)
        factor = RESIZED[int(rng.integers(len(RESIZED)))]
        key = example.corpus, example.name, factor
        if key not in self._resized:
            self._resized[key] = _resized(example, factor, self.tokenizer)
        return self._resized[key]


def _resized(example: Example, factor: float, tokenizer: KMeansTokenizer | PhonemeTokenizer) -> NDArray[np.int64]:
    heard = ear_samples(example)
    ids = tokenizer.encode(soxr.resample(heard, factor * EAR_SAMPLE_RATE, EAR_SAMPLE_RATE))
    frames = len(tokenizer.encode(heard))
    places = np.floor((np.arange(frames) + 0.5) * len(ids) / frames).astype(np.int64)
    return ids[places]


def _borrowed(example: Example, lender: Example, tokenizer: KMeansTokenizer) -> NDArray[np.int64]:
    """The lender's ids at the frames that dynamic time warping pairs with the example's."""
    own = tokenizer.project(ear_samples(example)).cpu().numpy()
    sound = ear_samples(lender)
    other = tokenizer.project(sound).cpu().numpy()
    _, path = librosa.sequence.dtw(own.T, other.T, metric="cosine")
    partner = np.zeros(len(own), dtype=np.int64)
    for mine, theirs in path[::-1]:
        partner[mine] = theirs
    return tokenizer.encode(sound)[partner]
