"""What works on jobs inside of a child process or a cluster's actor: loads the backend once, runs one job at a time.

Whoever holds a session feeds it messages and passes on what it emits; all are plain tuples. In:

    ("load",)                                   load the model ahead
    ("run", job, request, path, voice, folder)  dub into an empty folder; request: a packed ClipRequest
    ("cancel", job)
    ("faces", path, start_s, end_s)

Out:

    ("loaded", device)
    ("gpu", used, total)                        bytes of the GPU's memory, whoever uses them
    ("progress", job, stage, fraction)
    ("note", job, sentence)
    ("done", job, outcome as JSON)              the files lie in the folder
    ("failed", job, reason)                     the session goes on
    ("exhausted", job, reason)                  out of memory: the process should be replaced
    ("cancelled", job)
    ("faces", faces) or ("no faces", reason)    packed Faces
"""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from imagintalk.errors import Cancelled, ImaginTalkError

from .protocol import ClipRequest, Face
from .settings import Backend

LOADING = "loading the model"
_MEMORY_EVERY_S = 1.0
_REPORT_EVERY_S = 0.1
"""Progress is told so often at most; a changed stage at once."""


@dataclass(frozen=True)
class Made:
    """What a backend made of a clip: files in the folder that it was given."""

    takes: tuple[tuple[str, int], ...]
    """Name and seed of each take's file."""
    report: str | None = None
    """Name of the report's file."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tell:
    """How a backend speaks while it works."""

    progress: Callable[[str, float], None]
    """Stage and fraction 0..1; call it once per sampler step or oftener. Raises Cancelled."""
    note: Callable[[str], None]
    """A sentence for the user."""


class Dubs(Protocol):
    """What a loader gives that is asked to dub. One call at a time."""

    device: str
    """In words."""

    def dub(self, request: ClipRequest, path: Path, folder: Path, tell: Tell) -> Made:
        """Raises ImaginTalkError, MemoryError. `tell.progress` raises Cancelled to stop it."""

    def gpu_memory(self) -> tuple[int, int] | None:
        """Bytes of the GPU's memory that are used, and that there are; None: it works on the CPU."""


class FindsFaces(Protocol):
    """What a loader gives that is asked for faces."""

    device: str
    """In words."""

    def faces(self, path: Path, start_s: float, end_s: float | None) -> tuple[Face, ...]:
        """The people in the picture. Raises ImaginTalkError."""


class Session:
    """One backend and the job that it works on."""

    def __init__(self, backend: Backend, emit: Callable[[tuple[Any, ...]], None]) -> None:
        self._backend, self._emit = backend, emit
        self._loaded_backend: Any = None
        self._memory_told = 0.0
        self._cancelled = 0
        """The last job that is to stop; ids are never used twice."""

    def cancel(self, job: int) -> None:
        """From any thread: the job stops when it next reports progress."""
        self._cancelled = job

    def handle(self, message: tuple[Any, ...]) -> None:
        """Do what a message says; only `cancel` may come from another thread meanwhile."""
        kind, *rest = message
        if kind == "load":
            self._loaded()
        elif kind == "run":
            self._run(*rest)
        elif kind == "faces":
            self._faces(*rest)
        else:
            raise ValueError(f"unknown message {kind!r}")

    def _loaded(self) -> Any:
        if self._loaded_backend is None:
            module, _, name = self._backend.loader.partition(":")
            self._loaded_backend = getattr(import_module(module), name)(*self._backend.argument)
            self._emit(("loaded", self._loaded_backend.device))
        return self._loaded_backend

    def _run(self, job: int, request: tuple[Any, ...], path: str, voice: str, folder: str) -> None:
        notes: list[str] = []
        last = ("", 0.0)

        def progress(stage: str, fraction: float) -> None:
            nonlocal last
            if self._cancelled == job:
                raise Cancelled("cancelled")
            now = time.monotonic()
            if stage != last[0] or now - last[1] >= _REPORT_EVERY_S:
                last = (stage, now)
                self._emit(("progress", job, stage, fraction))
                self._tell_memory(now)

        def tell_note(sentence: str) -> None:
            notes.append(sentence)
            self._emit(("note", job, sentence))

        try:
            asked = _with_voice(ClipRequest.unpack(request), voice)
            if self._loaded_backend is None:
                progress(LOADING, 0.0)
            dubs: Dubs = self._loaded()
            start = time.perf_counter()
            made = dubs.dub(asked, Path(path), Path(folder), Tell(progress, tell_note))
            self._tell_memory(time.monotonic())
            outcome = _outcome(Path(folder), made, notes, time.perf_counter() - start)
            self._emit(("done", job, json.dumps(outcome)))
        except Cancelled:
            self._emit(("cancelled", job))
        except ImaginTalkError as error:
            self._emit(("failed", job, " ".join(str(error).split())))
        except MemoryError as error:
            self._emit(("exhausted", job, f"out of memory{f': {error}' if str(error) else ''}"))
        except Exception as error:  # noqa: BLE001 - of the pipeline, whatever it is: it fails this one job
            traceback.print_exc()
            self._emit(("failed", job, f"fault of the program: {type(error).__name__}: {error}"))

    def _tell_memory(self, now: float) -> None:
        """Now and then, of a backend that is loaded."""
        if self._loaded_backend is None or now - self._memory_told < _MEMORY_EVERY_S:
            return
        self._memory_told = now
        memory = self._loaded_backend.gpu_memory()
        if memory is not None:
            self._emit(("gpu", *memory))

    def _faces(self, path: str, start_s: float, end_s: float | None) -> None:
        try:
            finder: FindsFaces = self._loaded()
            found = finder.faces(Path(path), start_s, end_s)
            self._emit(("faces", tuple(face.pack() for face in found)))
        except ImaginTalkError as error:
            self._emit(("no faces", " ".join(str(error).split())))
        except Exception as error:  # noqa: BLE001 - as above
            traceback.print_exc()
            self._emit(("no faces", f"fault of the program: {type(error).__name__}: {error}"))


def _with_voice(request: ClipRequest, voice: str) -> ClipRequest:
    return replace(request, voice=voice)


def _outcome(folder: Path, made: Made, notes: list[str], seconds: float) -> dict[str, Any]:
    """Plain values for the journal."""
    named: list[tuple[str, int | None]] = [*made.takes]
    if made.report is not None:
        named.append((made.report, None))
    files = []
    for name, seed in named:
        content = (folder / name).read_bytes()
        files.append({"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "seed": seed})
    return {"files": files, "warnings": list(made.warnings), "notes": notes, "seconds": seconds}
