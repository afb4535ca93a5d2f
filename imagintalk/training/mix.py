"""Which recordings a batch is made of: each corpus by its share, whatever its size."""

from __future__ import annotations

from collections import Counter

import numpy as np

from imagintalk.data.cache import Example


class Mix:
    """Draws training examples; a corpus without a share counts 1, and a share of 0 leaves it out."""

    def __init__(self, examples: list[Example], shares: dict[str, float]) -> None:
        self.examples = [e for e in examples if shares.get(e.corpus, 1.0) > 0]
        sizes = Counter(e.corpus for e in self.examples)
        chances = np.array([shares.get(e.corpus, 1.0) / sizes[e.corpus] for e in self.examples])
        self.chances = chances / chances.sum()

    def draw(self, count: int, rng: np.random.Generator) -> list[Example]:
        """`count` examples, with repetition."""
        return [self.examples[i] for i in rng.choice(len(self.examples), count, p=self.chances)]
