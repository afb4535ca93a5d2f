"""The pipeline of these tests: a tone in no time, or what a clip's name asks for. No torch."""

from __future__ import annotations

import os
import time
import wave
from pathlib import Path

import av
import numpy as np
from clicks import write_clicks

from imagintalk.errors import ClipError
from imagintalk_server.protocol import ClipRequest, Face
from imagintalk_server.session import Made, Tell

RATE = 24_000
STEP_S = 0.02
GPU = (3 << 30, 8 << 30)


class Fake:
    """A backend whose clips say in their names how it behaves: slow, refuses, raises, exits, hangs, clicks."""

    device = "fake"

    def gpu_memory(self) -> tuple[int, int] | None:
        return GPU

    def dub(self, request: ClipRequest, path: Path, folder: Path, tell: Tell) -> Made:
        _behave(request, path, tell)
        takes = []
        for number in range(request.takes):
            name = f"take_{number + 1}.wav"
            if "clicks" in path.name:
                write_clicks(folder / name, request.times, rate_of(path))
            else:
                write_tone(folder / name, seconds_of(request, path), request.seed + number)
            takes.append((name, request.seed + number))
        (folder / "report.json").write_text('{"fake": true}\n', encoding="utf-8")
        return Made(tuple(takes), "report.json", ("the lips are drawn",) if "warns" in path.name else ())

    def faces(self, path: Path, start_s: float, end_s: float | None) -> tuple[Face, ...]:
        if "refuses" in path.name:
            raise ClipError(f"{path.name}: no face")
        return tuple(
            Face(index, 1.0, 2.0, 30.0, 40.0, speaking, _thumbnail()) for index, speaking in enumerate((0.1, 0.9))
        )


def _behave(request: ClipRequest, path: Path, tell: Tell) -> None:
    if "refuses" in path.name:
        raise ClipError(f"{path.name}: no face")
    if "raises" in path.name:
        raise RuntimeError("the cat sat on the keyboard")
    if "exits" in path.name:
        os._exit(3)
    if "hangs" in path.name:
        time.sleep(3600)
    if "slow" in path.name:
        steps = request.steps or 25
        for step in range(steps):
            tell.progress("imagining the speech", step / steps)
            time.sleep(STEP_S)


def seconds_of(request: ClipRequest, path: Path) -> float:
    """How long the speech lasts."""
    if request.times:
        return request.times[-1][0]
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        whole = float(stream.duration * stream.time_base)
    return (whole if request.end_s is None else request.end_s) - request.start_s


def rate_of(path: Path) -> float:
    """Frames per second of a film."""
    with av.open(str(path)) as file:
        return float(file.streams.video[0].average_rate or 0)


def write_tone(path: Path, seconds: float, seed: int) -> None:
    """A quiet tone, another for each seed."""
    count = round(seconds * RATE)
    tone = 3000 * np.sin(2 * np.pi * (200 + 20 * (seed % 20)) * np.arange(count) / RATE)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, count, "NONE", ""))
        file.writeframes(tone.astype("<i2").tobytes())


def _thumbnail() -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", np.full((160, 160, 3), 128, np.uint8))[1])
