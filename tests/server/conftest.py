"""Workers with fake pipelines, in this process and in their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import FAKE, HERE, Start

from imagintalk_server.client import Client
from imagintalk_server.settings import Limits, Settings
from imagintalk_server.worker import Worker


@pytest.fixture(autouse=True, scope="session")
def _children_find_the_fakes() -> Iterator[None]:
    old = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = f"{HERE}{os.pathsep}{old}"
    yield
    os.environ["PYTHONPATH"] = old


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(limits={...}, **settings): a running worker in this process, stopped after the test."""
    running: list[Worker] = []

    def begin(limits: dict[str, Any] | None = None, **settings: Any) -> Worker:
        base: dict[str, Any] = {"backend": FAKE, "faces": FAKE, "state": tmp_path / "state"}
        worker = Worker(Settings(**(base | settings), limits=Limits(**(limits or {}))))
        worker.start()
        running.append(worker)
        return worker

    yield begin
    for worker in running:
        worker.stop()


@pytest.fixture
def worker(start: Start) -> Worker:
    return start()


@pytest.fixture
def client(worker: Worker) -> Iterator[Client]:
    with Client(worker.address) as client:
        yield client


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """What the fakes take for a clip."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"picture after picture")
    return path
