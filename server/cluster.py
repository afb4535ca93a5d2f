"""More than one machine: the same lanes, whose runners are actors of a Ray cluster, one per GPU.

An actor holds a `session.Session` like a child process does. It has the files of a job on its own machine: the clip is
carried there once, by content, and what was made is carried back, so the machines need no common disk. Each lane is
tied to one node; when the node goes, its job is queued again and the lane ends; nodes that join get lanes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from imagintalk.errors import ClipError, WorkerError
from imagintalk.provenance import sha256_of

from .jobs import Jobs, LiveJob
from .lane import Lane
from .logs import note, warn
from .process import RunnerGone
from .session import Session
from .settings import Backend, Settings

_START_S = 120.0
_ANSWER_S = 60.0
_LOOK_S = 2.0
"""Between two looks at which nodes there are."""
_CLIPS_KEPT = 16
"""On an actor's machine."""
_PIECE = 8 << 20
"""Bytes of a clip in one message to an actor."""


class Station:
    """Runs inside of an actor. Its methods run in threads: one works, the others listen and tell."""

    def __init__(self, loader: str, argument: tuple[str, ...]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="imagintalk-"))
        self._said: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self._session = Session(Backend(loader, argument), self._said.put)
        self._orders: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        try:
            while True:
                self._session.handle(self._orders.get())
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # as a child process would end: the lane sees it and starts another

    def has(self, sha256: str) -> bool:
        """Whether a file is here."""
        return (self._folder / sha256).is_file()

    def bring(self, sha256: str, piece: bytes, first: bool, last: bool) -> None:
        """Take the next piece of a file."""
        part = self._folder / f"{sha256}.part"
        with part.open("wb" if first else "ab") as file:
            file.write(piece)
        if last:
            part.rename(self._folder / sha256)

    def order(self, message: tuple[Any, ...]) -> None:
        """A message of `session`; files in it by their digests, the folder ours."""
        kind, *rest = message
        if kind == "cancel":
            self._session.cancel(rest[0])
            return
        if kind == "run":
            job, request, clip, voice, _ = rest
            made = self._folder / f"job-{job}"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            voice = str(self._folder / voice) if self.has(voice) else voice
            message = ("run", job, request, str(self._folder / clip), voice, str(made))
        self._orders.put(message)

    def listen(self, timeout_s: float) -> tuple[Any, ...] | None:
        """What the session says next; None: nothing in time."""
        try:
            return self._said.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def hand_over(self, job: int) -> dict[str, bytes]:
        """The files that a job made; they are gone here then, and so are its clips when many lie about."""
        made = self._folder / f"job-{job}"
        files = {path.name: path.read_bytes() for path in made.iterdir()}
        shutil.rmtree(made)
        kept = sorted((p for p in self._folder.iterdir() if p.is_file()), key=lambda p: p.stat().st_mtime)
        for path in kept[:-_CLIPS_KEPT]:
            path.unlink()
        return files


class Actor:
    """A `process.Runner` on some node of the cluster."""

    keeps_job = True

    def __init__(self, backend: Backend, node: str, gpus: float) -> None:
        """gpus: 1, or 0 on a node that has none."""
        self._backend, self._node, self._gpus = backend, node, gpus
        self._actor: Any = None
        self._answers = False
        self._folder: Path | None = None
        """Where the parent wants what the running job makes."""

    @property
    def alive(self) -> bool:
        return self._answers

    def start(self) -> None:
        self.kill()
        strategy = NodeAffinitySchedulingStrategy(self._node, soft=False)
        options = {"num_gpus": self._gpus, "num_cpus": 1, "max_concurrency": 4, "scheduling_strategy": strategy}
        kind: Any = ray.remote(Station).options(**options)
        self._actor = kind.remote(self._backend.loader, self._backend.argument)
        self._call("listen", 0.0, timeout_s=_START_S)
        self._answers = True

    def send(self, message: tuple[Any, ...]) -> None:
        if message[0] == "run":
            _, job, request, path, voice, folder = message
            self._folder = Path(folder)
            recording = Path(voice)
            brought = self._bring(recording) if recording.is_absolute() else voice
            message = ("run", job, request, self._bring(Path(path)), brought, "")
        self._call("order", message)

    def receive(self, timeout_s: float) -> tuple[Any, ...] | None:
        message: tuple[Any, ...] | None = self._call("listen", timeout_s)
        if message is not None and message[0] == "done" and self._folder is not None:
            for name, content in self._call("hand_over", message[1]).items():
                (self._folder / Path(name).name).write_bytes(content)
        return message

    def end(self) -> None:
        actor = self._actor
        if actor is not None:
            with contextlib.suppress(Exception):  # it is gone, or the cluster is
                ray.kill(actor)

    def kill(self) -> None:
        self.end()
        self._actor, self._answers = None, False

    def memory_bytes(self) -> int:
        return 0  # Ray's own memory monitor watches its nodes

    def _bring(self, path: Path) -> str:
        """Carry a file to the actor's machine; its digest. Raises ClipError: it cannot be read."""
        try:
            sha256 = sha256_of(path)
            if self._call("has", sha256):
                return sha256
            size = path.stat().st_size
            with path.open("rb") as file:
                for start in range(0, size, _PIECE):
                    self._call("bring", sha256, file.read(_PIECE), start == 0, start + _PIECE >= size)
        except FileNotFoundError:
            raise ClipError(f"{path}: no such file any more; submit it again") from None
        return sha256

    def _call(self, name: str, *values: Any, timeout_s: float = _ANSWER_S) -> Any:
        actor = self._actor
        if actor is None:
            raise RunnerGone("the actor was stopped")
        try:
            return ray.get(getattr(actor, name).remote(*values), timeout=timeout_s)
        except GetTimeoutError:
            raise RunnerGone(f"the actor did not answer within {timeout_s:g} s") from None
        except (RayError, ConnectionError) as error:
            words = str(error).strip().splitlines()
            raise RunnerGone(f"the actor or its machine died ({words[0] if words else type(error).__name__})") from None


class Cluster:
    """Keeps the lanes of all machines, as they come and go."""

    def __init__(self, jobs: Jobs, settings: Settings, unchanged: Callable[[LiveJob], bool], lanes: list[Lane]) -> None:
        """Join the cluster. lanes: kept up to date from `start` on. Raises WorkerError: it cannot be reached."""
        self._jobs, self._settings, self._unchanged, self._lanes = jobs, settings, unchanged, lanes
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cluster", daemon=True)
        try:
            _join(settings.cluster)
        except (ConnectionError, RayError, ValueError, RuntimeError) as error:
            words = [*str(error).strip().splitlines(), type(error).__name__][0]
            raise WorkerError(f"cluster {settings.cluster}: cannot be joined ({words}); is it running?") from None

    def start(self) -> None:
        """Begin to watch; lanes start as machines are found."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more lanes. Those that run are the caller's to stop, after this and before `leave`."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def leave(self) -> None:
        """Hang up, once no lane speaks to the cluster any more."""
        ray.shutdown()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._adapt(_places())
            except (RayError, ConnectionError, RuntimeError) as error:
                warn("cluster", reason=str(error)[:200])
            self._stopping.wait(_LOOK_S)

    def _adapt(self, places: dict[str, tuple[str, float]]) -> None:
        """Start lanes where there is a new place, stop those whose place is gone."""
        for lane in self._lanes[:]:
            if lane.name not in places:
                self._lanes.remove(lane)
                note("machine gone", lane=lane.name)
                lane.stop()
        for name in places.keys() - {lane.name for lane in self._lanes}:
            node, gpus = places[name]
            note("machine found", lane=name)
            actor = Actor(self._settings.backend, node, gpus)
            lane = Lane(name, self._jobs, actor, self._settings, self._unchanged, sys.maxsize)
            self._lanes.append(lane)
            lane.start()


def _join(address: str | None) -> None:
    """Once more where the cluster is there but its server for clients did not start in time: that of a busy machine."""
    for last in (False, True):
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            return
        except ConnectionError as error:
            if last or "Initialization failure" not in str(error):
                raise
            ray.shutdown()


def _places() -> dict[str, tuple[str, float]]:
    """Name of each lane that there should be, with its node and how many GPUs it takes."""
    known: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    nodes = {str(node["NodeID"]): node["Resources"] for node in known if node["Alive"]}
    gpus = {node: int(resources.get("GPU", 0)) for node, resources in nodes.items()}
    if any(gpus.values()):
        return {f"{node[:8]}/{n}": (node, 1.0) for node, count in gpus.items() for n in range(count)}
    return {f"{node[:8]}/cpu": (node, 0.0) for node, resources in nodes.items() if resources.get("CPU", 0) >= 1}
