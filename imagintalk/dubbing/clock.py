"""Progress and seconds of each stage of a dub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from imagintalk.types import Notify, Progress

FACE, VOICE, LIPS, SPEECH, SOUND = (
    "reading the face",
    "finding the voice",
    "reading the lips",
    "imagining the speech",
    "making the sound",
)

_SHARES = {VOICE: 0.1, FACE: 0.4, LIPS: 0.08, SPEECH: 0.4, SOUND: 0.02}
"""Of the whole time, about as measured on clips of three seconds on a CPU."""


class StageClock:
    """Times stages and reports them as parts of the whole; every report is also a chance to stop."""

    def __init__(self, notify: Notify | None, stages: tuple[str, ...]) -> None:
        self._notify = notify or (lambda progress: None)
        self._total = sum(_SHARES[stage] for stage in stages)
        self._done = 0.0
        self.timings_s: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time a stage. Gives the function that takes the share of it that is done, 0..1."""
        share = _SHARES[name] / self._total

        def report(fraction: float) -> None:
            self._notify(Progress(name, min(self._done + share * fraction, 1.0)))

        report(0.0)
        start = time.perf_counter()
        yield report
        self.timings_s[name] = time.perf_counter() - start
        report(1.0)
        self._done += share
