"""Asks a process of its own who is in a picture, while the dubbing goes on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from imagintalk.errors import WorkerError

from .process import ChildProcess, RunnerGone
from .protocol import Face, ProtocolError
from .settings import Backend

LONGEST_S = 60.0


class FaceDesk:
    """One question at a time. Safe for threads."""

    def __init__(self, backend: Backend, idle_s: float) -> None:
        """idle_s: after so long without a question the process ends."""
        self._child, self._idle_s = ChildProcess(backend), idle_s
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def ask(self, path: Path, start_s: float, end_s: float | None) -> tuple[Face, ...]:
        """Raises WorkerError: the clip cannot be used, or it took more than a minute."""
        with self._lock:
            self._rest(None)
            try:
                if not self._child.alive:
                    self._child.start()
                self._child.send(("faces", str(path), start_s, end_s))
                return self._answer()
            except RunnerGone as gone:
                self._child.kill()
                raise WorkerError(f"{path}: no faces: {gone}") from None
            finally:
                self._rest(self._idle_s)

    def _answer(self) -> tuple[Face, ...]:
        until = time.monotonic() + LONGEST_S
        while time.monotonic() < until:
            message = self._child.receive(0.5)
            if message is None or message[0] == "loaded":
                continue
            if message[0] == "no faces":
                raise WorkerError(str(message[1]))
            try:
                return tuple(Face.unpack(face) for face in message[1])
            except (ProtocolError, TypeError, IndexError):
                raise RunnerGone("the working process sent rubbish") from None
        raise RunnerGone(f"it took longer than {LONGEST_S:g} s; give a shorter range")

    def _rest(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = threading.Timer(seconds, self._unload)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """End the process, whatever it does; a question that is being answered fails."""
        self._child.end()
        self._unload()

    def _unload(self) -> None:
        """The next question starts another process."""
        with self._lock:
            self._rest(None)
            self._child.kill()
