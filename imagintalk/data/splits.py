"""Who is trained on, who is measured: one rule for every corpus without published splits (our choice).

Sort the stems; every tenth (index % 10 == 0) is the test split, index % 10 == 5 the validation split, the rest train.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from imagintalk.errors import DataError

Split = Literal["train", "validation", "test", "unseen"]
"""`unseen`: held out of training and of checkpoint choice because of who speaks, and outside the counted test split."""


def split_of(index: int) -> Split:
    """Split of the recording at `index` among the sorted stems."""
    if index % 10 == 0:
        return "test"
    return "validation" if index % 10 == 5 else "train"


def splits_of(stems: Iterable[str], root: Path) -> dict[str, Split]:
    """Split of each stem, in sorted order. Raises DataError when two recordings under `root` have the same stem."""
    ordered = sorted(stems)
    twice = [stem for stem, count in Counter(ordered).items() if count > 1]
    if twice:
        raise DataError(
            f"{root}: expected one recording per name, found {twice[0]} more than once; remove or rename the copies"
        )
    return {stem: split_of(index) for index, stem in enumerate(ordered)}
