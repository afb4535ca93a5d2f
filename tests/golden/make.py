"""Writes what the shipped model makes of one drawn clip: run `python tests/golden/make.py` after a new model.

Kept are the tokens that it reads and the coarsest codes that it samples, for `tests/pipeline/test_golden.py`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from imagintalk import Pipeline
from imagintalk.drawn.render import draw_clip
from imagintalk.drawn.sentence import sample_sentences

PATH = Path(__file__).parent / "small.json"


def make() -> dict[str, object]:
    """Dub the first test sentence with seed 0 on the CPU."""
    pipeline = Pipeline.load(device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "drawn.mp4")
        draw_clip(sample_sentences(1, "test", 0)[0], 0, clip)
        result = pipeline.dub(clip, seed=0)
    take = result.takes[0]
    return {
        "model": pipeline.store.sha256,
        "samples": len(take.speech.samples),
        "ids": result.content.ids.tolist(),
        "coarsest_codes": take.codes[0].tolist(),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(make()) + "\n")
