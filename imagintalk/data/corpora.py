"""The corpora that `imagintalk prepare` knows, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from imagintalk.data.grid import read_grid
from imagintalk.data.lrs3 import read_lrs3
from imagintalk.data.mead import read_mead
from imagintalk.data.ravdess import read_ravdess
from imagintalk.data.recording import Recording
from imagintalk.data.speech import read_speech
from imagintalk.drawn.sentence import DrawnSplit
from imagintalk.types import Notify

READERS: dict[str, Callable[[Path], list[Recording]]] = {
    "grid": read_grid,
    "ravdess": read_ravdess,
    "mead": read_mead,
    "lrs3": read_lrs3,
    "speech": read_speech,
}
DRAWN_SHARES: dict[DrawnSplit, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}


def read_drawn(root: Path) -> list[Recording]:
    """Drawn clips: GRID's layout in one folder per split, because their splits go by the sentence."""
    return [
        dataclasses.replace(recording, split=split)
        for split in DRAWN_SHARES
        if (root / split).is_dir()
        for recording in read_grid(root / split)
    ]


def draw(root: Path, clips: int, notify: Notify) -> list[Recording]:
    """Draw clips into `root`, keeping those that are there, and read them."""
    from imagintalk.drawn.dataset import draw_dataset

    for split, share in DRAWN_SHARES.items():
        draw_dataset(root / split, round(share * clips), split, 1, notify)
    return read_drawn(root)
