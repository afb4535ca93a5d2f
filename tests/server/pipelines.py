"""Tiny pipelines, one for each thing that can go wrong. A request's emotion says which one; no torch anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from imagintalk.errors import ClipError
from imagintalk_server.protocol import ClipRequest, Face
from imagintalk_server.session import Made, Tell

GPU = (3 << 30, 8 << 30)
"""Bytes used and there of the memory of the GPU that the fakes say they have."""

STEP_S = 0.02
"""Of a sampler step of the slow ones."""


def quick(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Works at once."""


def slow(request: ClipRequest, path: Path, tell: Tell) -> None:
    """As many steps as asked for."""
    steps = request.steps or 10
    for step in range(steps):
        tell.progress("imagining the speech", step / steps)
        time.sleep(STEP_S)


def raises(request: ClipRequest, path: Path, tell: Tell) -> None:
    """A fault of the program."""
    raise RuntimeError("the cat sat on the keyboard")


def refuses(request: ClipRequest, path: Path, tell: Tell) -> None:
    """A mistake of the user's."""
    raise ClipError(f"{path.name}: no face")


def exits(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Dies as a crashing library does: at once, with a last word."""
    print("assertion failed: frame != NULL", file=sys.stderr, flush=True)
    os._exit(3)


def hangs(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Never says anything again."""
    time.sleep(3600)


def hangs_with_child(request: ClipRequest, path: Path, tell: Tell) -> None:
    """As a pipeline that waits for a program of its own."""
    subprocess.run(["sleep", "3600"], check=True)


def eats_memory(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Grows until somebody stops it, at 2 GB by itself."""
    eaten = []
    for _ in range(200):
        eaten.append(b"x" * (10 << 20))
        tell.progress("eating", 0.1)
        time.sleep(0.02)


def lacks_memory(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Is told by the system that there is no more."""
    raise MemoryError


def prints_rubbish(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Writes four megabytes of nonsense where a careless child would speak to its parent."""
    for descriptor in (1, 2):
        for _ in range(64):
            os.write(descriptor, bytes(range(256)) * 128)


def speaks_rubbish(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Writes nonsense where the child does speak to its parent."""
    line = int(sys.argv[1])
    os.write(line, b"\x00\x00\x00\x08rubbish!" * 100)
    time.sleep(3600)


def notes(request: ClipRequest, path: Path, tell: Tell) -> None:
    """Has something to say."""
    tell.note("this was made on the CPU")


BEHAVIOURS = {
    kind.__name__: kind
    for kind in (
        quick,
        slow,
        raises,
        refuses,
        exits,
        hangs,
        hangs_with_child,
        eats_memory,
        lacks_memory,
        prints_rubbish,
        speaks_rubbish,
        notes,
    )
}


class Fake:
    """A backend: behaves as the request's emotion says, and writes what a test can check."""

    device = "fake"

    def gpu_memory(self) -> tuple[int, int] | None:
        return GPU

    def dub(self, request: ClipRequest, path: Path, folder: Path, tell: Tell) -> Made:
        BEHAVIOURS.get(request.emotion, quick)(request, path, tell)
        takes = []
        for number in range(request.takes):
            name = f"take_{number + 1}.wav"
            (folder / name).write_bytes(speech_of(path, request.seed + number))
            takes.append((name, request.seed + number))
        (folder / "report.json").write_text('{"fake": true}\n', encoding="utf-8")
        return Made(tuple(takes), "report.json", ("the lips are drawn",) if request.emotion == "notes" else ())

    def faces(self, path: Path, start_s: float, end_s: float | None) -> tuple[Face, ...]:
        if path.name.startswith("hangs"):
            time.sleep(3600)
        if path.name.startswith("exits"):
            os._exit(3)
        if path.name.startswith("refuses"):
            raise ClipError(f"{path.name}: no picture")
        return (Face(0, 1.0, 2.0, 30.0, 40.0, 0.5, b"\xff\xd8"),)


def speech_of(path: Path, seed: int) -> bytes:
    """What the fake pipeline makes of a clip."""
    return b"RIFF " + path.read_bytes() + f" {seed}".encode()
