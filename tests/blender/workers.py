"""Workers in processes of their own. IMAGINTALK_WORKER_PYTHON: the Python that has the worker, where it is another."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = os.environ.get("IMAGINTALK_WORKER_PYTHON", sys.executable)


class Served:
    """A worker with the fake pipeline."""

    def __init__(self, state: Path, certificates: Path | None = None) -> None:
        """certificates: it listens behind TLS, on `port`."""
        self.state, self.port = state, _free_port() if certificates else 0
        words = [str(state), *([str(certificates), str(self.port)] if certificates else [])]
        self.process = subprocess.Popen([PYTHON, str(HERE / "serve.py"), *words], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """kill -9, and gone when this returns."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """It hangs from now on."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.go_on()
            self.process.terminate()
            self.process.wait(20)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def python_that_serves(path: Path) -> Path:
    """A program that takes the words of `python -P -m imagintalk worker start --background --state FOLDER`."""
    path.write_text(
        f'#!/bin/sh\nfor word; do last="$word"; done\nexec "{PYTHON}" "{HERE / "serve.py"}" "$last" detach\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path
