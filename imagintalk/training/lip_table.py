"""What the lip aligner spells and sees in each example with a picture, read once at the start of a stage.

The score network speaks from lips in the end. Where it has only ever met tokens of recordings it trusts every one of
them; from what lips really spell it learns which of them are guesses, and what stands behind a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imagintalk.config import Config
from imagintalk.data.cache import Example
from imagintalk.dubbing.lips import spell
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.crop import centre_crop, random_crop
from imagintalk.lip.detector import ErrorDetector
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME
from imagintalk.refine.language import TokenLanguageModel

READINGS = 3
"""Of each training example, every one from another crop."""


class Reading(NamedTuple):
    """What was read from lips once; both fields as in `ContentTokens`."""

    weights: NDArray[np.float16]
    """(T50, size), 50 Hz."""
    features: NDArray[np.float16]
    """(T50, token_width), 50 Hz."""


class LipTable:
    """Draws a reading for an example with a picture."""

    def __init__(
        self,
        examples: list[Example],
        aligner: LipAligner,
        detector: ErrorDetector,
        language: TokenLanguageModel,
        config: Config,
        notify: Callable[[float], None],
    ) -> None:
        self._aligner, self._detector, self._language, self._config = aligner, detector, language, config
        self._readings: dict[tuple[str, str], list[Reading]] = {}
        generator = torch.Generator().manual_seed(0)
        for module in (aligner, detector, language):
            module.eval()
        seen = [e for e in examples if e.has_picture]
        for count, example in enumerate(seen, 1):
            self._readings[example.corpus, example.name] = self._read(example, generator)
            notify(count / len(seen))

    def __contains__(self, example: Example) -> bool:
        return (example.corpus, example.name) in self._readings

    def draw(self, example: Example, rng: np.random.Generator) -> Reading:
        """One of its readings."""
        readings = self._readings[example.corpus, example.name]
        return readings[int(rng.integers(len(readings)))]

    @torch.no_grad()
    def _read(self, example: Example, generator: torch.Generator) -> list[Reading]:
        mouth = torch.from_numpy(example.picture["mouth"])[None]
        lengths = torch.tensor([mouth.shape[1]])
        trained = example.split == "train"
        # On clips that it was trained on the aligner is surer than it will ever be again, unless it is disturbed.
        for module in self._aligner.modules():
            if isinstance(module, nn.Dropout):
                module.train(trained)
        found = []
        for _ in range(READINGS if trained else 1):
            if trained:
                picture = random_crop(mouth, lengths, self._config.lips, generator)
            else:
                picture = centre_crop(mouth, lengths, self._config.lips)
            aligned = self._aligner(picture, lengths)
            lengths50 = lengths * TOKENS_PER_VIDEO_FRAME
            spelled = spell(aligned, lengths50, self._aligner, self._detector, self._language, self._config.detector)
            found.append(Reading(_half(spelled.weights[0]), _half(aligned.features[0])))
        return found


def _half(values: Tensor) -> NDArray[np.float16]:
    return values.numpy().astype(np.float16)
