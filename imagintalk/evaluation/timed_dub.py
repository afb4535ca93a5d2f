"""Loads the model, dubs one clip some times, and prints the seconds of each dub as a JSON list on its last line.

A program of its own, for `rows.speed`: python -m imagintalk.evaluation.timed_dub MODEL clip.mp4 4
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from imagintalk import Pipeline
from imagintalk.types import Clip


def main(model: str, path: str, times: str) -> None:
    pipeline = Pipeline.load(model, device="cpu")
    seconds = []
    for _ in range(int(times)):
        start = time.perf_counter()
        pipeline.dub(Clip(Path(path)))
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
