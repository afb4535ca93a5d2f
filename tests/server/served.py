"""What the worker's tests share."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from imagintalk_server.address import Address
from imagintalk_server.client import Client, ClientError
from imagintalk_server.protocol import ClipRequest
from imagintalk_server.settings import Backend
from imagintalk_server.worker import Worker

HERE = Path(__file__).parent
FAKE = Backend("pipelines:Fake")

Start = Callable[..., Worker]


def ask(clip: Path, kind: str = "quick", seed: int = 0, **more: Any) -> ClipRequest:
    """A request that behaves as `kind`."""
    return ClipRequest(str(clip), emotion=kind, seed=seed, **more)


def wait_for(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first truth that comes; fails when none does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = true()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")


def child_of(worker: Worker) -> int | None:
    """Process id of the child of a worker with one lane."""
    pid: int | None = worker.lanes[0]._runner.pid  # type: ignore[attr-defined]
    return pid


def lives(process: psutil.Process) -> bool:
    """Whether it still runs: neither gone, nor dead and not yet collected."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Served:
    """A worker in a process of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        command = [sys.executable, str(HERE / "serve.py"), str(state)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.address = wait_for(self._answers, 30)

    def _answers(self) -> Address | None:
        address = Address.of_state(self.state)
        if address is None or address.pid != self.process.pid:
            return None
        try:
            with Client(address) as client:
                client.hello()
            return address
        except ClientError:
            return None

    def kill(self) -> None:
        """kill -9, and gone when this returns."""
        self.process.kill()
        self.process.wait()
