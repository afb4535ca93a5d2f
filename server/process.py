"""A child process as the parent sees it: started, spoken to, watched, killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import Any, Protocol

import psutil
from rpyc.core import brine

from .child import MESSAGE_BYTES
from .settings import Backend

_LAST_WORDS = 2000
"""Characters of the child's output that are kept, to tell why it died. It may print as much as it likes."""


class RunnerGone(Exception):
    """What worked on a job died; the text says how, in words."""


class Runner(Protocol):
    """What a lane needs of whatever runs a session: a child process, or an actor of a cluster."""

    keeps_job: bool
    """Whether a job whose runner goes away is run again elsewhere, rather than failed."""

    @property
    def alive(self) -> bool:
        """Whether it was started and has not gone."""

    def start(self) -> None:
        """Raises RunnerGone."""

    def send(self, message: tuple[Any, ...]) -> None:
        """Raises RunnerGone."""

    def receive(self, timeout_s: float) -> tuple[Any, ...] | None:
        """The next message, None when none comes in time. Raises RunnerGone."""

    def end(self) -> None:
        """End it, whatever it does. From any thread."""

    def kill(self) -> None:
        """End it and free what the parent holds of it. Only its owner may."""

    def memory_bytes(self) -> int:
        """Resident bytes that it holds, 0 where that is not known."""


class ChildProcess:
    """A `Runner` on this machine. One thread owns it; any may `send`."""

    keeps_job = False

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._sending = threading.Lock()
        self._words: deque[str] = deque()
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, None when there is none."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.kill()
        ours, theirs = socket.socketpair()
        # -P: not what lies in the current folder.
        command = [sys.executable, "-P", "-m", f"{__package__}.child", str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                [*command, self._backend.loader, *self._backend.argument],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # so that all that it starts dies with it
            )
        except OSError as error:
            ours.close()
            raise RunnerGone(f"the working process cannot be started ({error.strerror})") from None
        finally:
            theirs.close()
        self._connection = Connection(ours.detach())
        self._words = deque()
        self._reader = threading.Thread(target=_keep_last_words, args=(self._process, self._words), daemon=True)
        self._reader.start()

    def send(self, message: tuple[Any, ...]) -> None:
        try:
            with self._sending:
                if self._connection is None:
                    raise OSError
                self._connection.send_bytes(brine.dump(message))
        except OSError:
            raise RunnerGone(self._why()) from None

    def receive(self, timeout_s: float) -> tuple[Any, ...] | None:
        if self._connection is None:
            raise RunnerGone(self._why())
        try:
            if not self._connection.poll(timeout_s):
                return None
            message = brine.load(self._connection.recv_bytes(MESSAGE_BYTES))
        except (EOFError, OSError):
            raise RunnerGone(self._why()) from None
        except Exception as error:  # noqa: BLE001 - brine raises many kinds
            raise RunnerGone(f"the working process sent rubbish ({type(error).__name__})") from None
        if not isinstance(message, tuple) or not message:
            raise RunnerGone("the working process sent rubbish")
        return message

    def end(self) -> None:
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill(self) -> None:
        self.end()
        process, self._process = self._process, None
        with self._sending:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
        if process is not None:
            process.wait()
            if self._reader is not None:
                self._reader.join(timeout=1)
            if process.stdout is not None:
                process.stdout.close()

    def memory_bytes(self) -> int:
        if self._process is None:
            return 0
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _why(self) -> str:
        """How the process ended, in words."""
        if self._process is None:
            return "the working process was stopped"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        if self._reader is not None:
            self._reader.join(timeout=0.5)
        code = self._process.poll()
        said = "".join(self._words).strip().splitlines()
        last = f"; it said: {said[-1].strip()[:200]}" if said else ""
        if code is None:
            return f"the working process closed its line{last}"
        if code < 0:
            name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
            hint = ", perhaps because the machine ran out of memory" if -code == signal.SIGKILL else ""
            return f"the working process was killed by {name}{hint}{last}"
        return f"the working process ended with exit code {code}{last}"


def _keep_last_words(process: subprocess.Popen[bytes], words: deque[str]) -> None:
    """Read all that a process prints and keep the end of it."""
    assert process.stdout is not None
    kept = 0
    with contextlib.suppress(OSError, ValueError):
        while piece := os.read(process.stdout.fileno(), 4096):
            words.append(piece.decode("utf-8", "replace"))
            kept += len(words[-1])
            while kept - len(words[0]) > _LAST_WORDS:
                kept -= len(words.popleft())
