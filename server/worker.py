"""The worker: journal, queue, lanes and the door, put together."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import ssl
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from imagintalk.errors import WorkerError
from imagintalk.media.files import whole_file
from imagintalk.provenance import program_version

from .address import WORKER_FILE, Address
from .events import EventLog
from .face_desk import FaceDesk
from .intake import Intake
from .jobs import Jobs, LiveJob
from .journal import Journal
from .lane import NOT_LOADED, Lane
from .listener import Listener
from .logs import note, warn
from .metrics import prometheus
from .model_card import read_card
from .process import ChildProcess
from .protocol import ClipRequest, Face, Hello, Result, ResultFile, Status
from .results import Results
from .security import Doorkeeper, is_loopback, read_or_make_token, server_tls
from .service import Guest, hello_of
from .settings import LOOPBACK, Settings
from .uploads import Uploads

if TYPE_CHECKING:
    from .cluster import Cluster

_MEMORY_SHARE = 0.9
PORT_FILE = "port"
"""Where the last worker listened; stays when it stops."""
_LOOK_UP_S = 0.5


class Worker:
    """One worker in this process; its parts are safe for threads."""

    def __init__(self, settings: Settings) -> None:
        """Open the journal and listen. Raises WorkerError: already running, address refused; WeightsError."""
        self.settings = settings
        self.card = read_card(settings.model)
        public = not is_loopback(settings.host)
        if public and settings.certificates is None:
            raise WorkerError(
                f"{settings.host} can be reached from other machines: expected --certificates FOLDER, made by"
                " `imagintalk worker certificates`; without, only 127.0.0.1 is served"
            )
        tls = server_tls(settings.certificates) if settings.certificates else None
        self._token = read_or_make_token(settings.state)
        self._lock_file = _lock(settings.state)
        shutil.rmtree(settings.state / "work", ignore_errors=True)  # of a worker that was killed
        limits = settings.limits
        self._journal = Journal(settings.state / "journal.sqlite")
        self._results = Results(settings.state / "results", self._journal, limits.cache_bytes)
        self.events = EventLog()
        self._stop = threading.Event()
        self.failure = ""
        """Why it asked itself to stop, in words; empty: it did not."""
        self.jobs = Jobs(self._journal, self._results, self.events, limits, self._fail)
        self.uploads = Uploads(
            settings.state / "uploads", limits.upload_bytes, limits.uploads_bytes, self.jobs.live_paths
        )
        self._intake = Intake(self.uploads, settings.roots, self.card.sha256, self.card.voices, limits)
        self._faces = FaceDesk(settings.faces, settings.idle_unload_s)
        self._memory_bytes = settings.memory_bytes or round(psutil.virtual_memory().total * _MEMORY_SHARE)
        self.lanes: list[Lane] = []
        self._cluster = self._make_lanes()
        self._began = time.monotonic()
        self._listener = self._listen(settings.host, settings.port, tls)
        # Behind TLS, clients on this machine have a door of their own: they hold the token and no certificate.
        self._near = self._listen(LOOPBACK, 0, None) if tls else self._listener

    def _listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> Listener:
        """On the port that is asked for; else on that of the last worker here, for its clients may wait there.

        Who comes through TLS is on another machine, even where a tunnel makes it look otherwise.
        """
        doorkeeper = Doorkeeper(self._token, tls, self.settings.limits.stall_s)
        last = _read_port(self.settings.state) if port == 0 and tls is None else 0
        for attempt in dict.fromkeys((last, port)) if last else (port,):
            try:
                return Listener(
                    lambda peer: Guest(self, local=tls is None and is_loopback(peer)),
                    host,
                    attempt,
                    doorkeeper,
                    self.settings.limits,
                )
            except OSError as error:
                refused = error.strerror
        raise WorkerError(f"{host}:{port}: cannot listen there ({refused})")

    def _make_lanes(self) -> Cluster | None:
        """One lane with a child process, or what keeps the lanes of a cluster."""
        if self.settings.cluster is None:
            child = ChildProcess(self.settings.backend)
            self.lanes.append(Lane("local", self.jobs, child, self.settings, self._unchanged, self._memory_bytes))
            return None
        from .cluster import Cluster  # Ray is an optional extra

        return Cluster(self.jobs, self.settings, self._unchanged, self.lanes)

    def _unchanged(self, live: LiveJob) -> bool:
        try:
            return self._intake.content_of(live.request, live.row.path, live.row.voice)[1] == live.row.content
        except WorkerError:  # gone: what was read of it was read before
            return True

    @property
    def address(self) -> Address:
        """Where it listens for this machine, and what a client there needs to be let in."""
        host = self.settings.host if self._near is self._listener else LOOPBACK
        return Address(host, self._near.port, self._token, None, os.getpid())

    @property
    def _listeners(self) -> set[Listener]:
        return {self._listener, self._near}

    @property
    def port(self) -> int:
        """Where it listens on the address of its settings."""
        return int(self._listener.port)

    @property
    def device(self) -> str:
        """Of the lanes, in words."""
        loaded = sorted({lane.device for lane in self.lanes if lane.device != NOT_LOADED})
        return ", ".join(loaded) or NOT_LOADED

    def start(self) -> None:
        """Take jobs and connections, in threads."""
        for lane in self.lanes:
            lane.start()
        if self._cluster is not None:
            self._cluster.start()
        for listener in self._listeners:
            listener.open()
            threading.Thread(target=listener.start, name="listener", daemon=True).start()
        with whole_file(self.settings.state / WORKER_FILE) as partial:
            partial.touch(mode=0o600)
            public = {name: value for name, value in asdict(self.address).items() if name != "token"}
            partial.write_text(json.dumps(public), encoding="utf-8")
        with whole_file(self.settings.state / PORT_FILE) as partial:
            partial.write_text(str(self.address.port), encoding="ascii")
        note("started", address=f"{self.settings.host}:{self.port}", pid=os.getpid())

    def wait(self) -> None:
        """Until somebody asks to stop."""
        # Not for ever at once: a signal that the system gives to another thread does not wake this one, which alone
        # may run its handler.
        while not self._stop.wait(_LOOK_UP_S):
            pass

    def _fail(self, reason: str) -> None:
        warn("stopping", reason=reason)
        self.failure = reason
        self._stop.set()

    def ask_to_stop(self) -> None:
        """From any thread or signal handler."""
        self._stop.set()

    def stop(self) -> None:
        """Let go of everything; queued and running jobs wait in the journal for the next worker."""
        self._stop.set()
        self.jobs.close()
        self.events.close()
        for listener in self._listeners:
            listener.close()
        if self._cluster is not None:
            self._cluster.stop()
        for lane in self.lanes:
            lane.stop()
        if self._cluster is not None:
            self._cluster.leave()
        self._faces.close()
        self._journal.close()
        (self.settings.state / WORKER_FILE).unlink(missing_ok=True)
        note("stopped", pid=os.getpid())
        self._lock_file.close()

    def hello(self, local: bool) -> Hello:
        """What the worker is; local: the client is on this machine."""
        return hello_of(self, local)

    def submit(self, requests: list[ClipRequest], local: bool) -> list[int]:
        """Jobs of all requests, or of none. Raises WorkerError."""
        return self.jobs.submit([self._intake.prepare(request, local) for request in requests])

    def find_faces(self, path: str, start_s: float, end_s: float | None, local: bool) -> tuple[Face, ...]:
        """The people in a clip. Raises WorkerError."""
        return self._faces.ask(self._intake.find(path, local), start_s, end_s)

    def preload(self) -> None:
        """Load the model in every lane ahead of the next job."""
        for lane in self.lanes:
            lane.preload()

    def result(self, job: int) -> Result:
        """Raises WorkerError: not done, or no longer kept."""
        row, outcome = self.jobs.result(job)
        folder = self._results.folder / row.content
        files = [
            ResultFile(file["name"], str(folder / file["name"]), file["bytes"], file["sha256"], file["seed"])
            for file in outcome["files"]
        ]
        return Result(
            job=job,
            takes=tuple(file for file in files if file.seed is not None),
            report=next((file for file in files if file.seed is None), None),
            warnings=tuple(outcome["warnings"]),
            notes=tuple(json.loads(row.notes)),
            seconds=float(outcome["seconds"]),
        )

    def read_result(self, job: int, name: str, offset: int, count: int) -> bytes:
        """Up to `count` bytes of a result's file. Raises WorkerError."""
        result = self.result(job)
        files = [*result.takes, *([result.report] if result.report else [])]
        path = next((Path(file.path) for file in files if file.name == name), None)
        if path is None:
            raise WorkerError(f"job {job} has no file {name!r:.80}; it has {', '.join(file.name for file in files)}")
        if offset < 0 or not 0 <= count <= self.settings.limits.chunk_bytes:
            raise WorkerError(f"expected an offset from 0 and at most {self.settings.limits.chunk_bytes} bytes")
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(count)
        except OSError as error:
            raise WorkerError(f"job {job}: {name} can no longer be read ({error.strerror}); submit it again") from None

    def status(self) -> Status:
        """Everything that can be seen from outside."""
        queued, running, cache_bytes = self.jobs.tally()
        gpus = [lane.gpu_memory for lane in self.lanes if lane.gpu_memory is not None]
        counts = self.jobs.counts | {"dropped connections": sum(listener.dropped for listener in self._listeners)}
        return Status(
            version=program_version(),
            pid=os.getpid(),
            address=f"{self.settings.host}:{self.port}",
            uptime_s=time.monotonic() - self._began,
            model=self.card.name,
            device=self.device,
            lanes=tuple(f"{lane.name}: {lane.state}" for lane in self.lanes),
            queued=queued,
            running=running,
            counts=tuple(sorted(counts.items())),
            connections=sum(listener.connections for listener in self._listeners),
            cache_bytes=cache_bytes,
            cache_limit_bytes=self.settings.limits.cache_bytes,
            memory_bytes=int(psutil.Process().memory_info().rss),
            gpu_used_bytes=sum(used for used, _ in gpus),
            gpu_bytes=sum(total for _, total in gpus),
        )

    def metrics(self) -> str:
        """The status in Prometheus' text format."""
        return prometheus(self.status())


def _read_port(state: Path) -> int:
    """0: not known."""
    try:
        port = int((state / PORT_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return port if 0 < port < 65_536 else 0


def _lock(state: Path) -> IO[str]:
    """Held as long as the file is open, and let go by the system when the process dies. Raises WorkerError."""
    file = (state / "lock").open("w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise WorkerError(f"a worker is already running in {state}; `imagintalk worker stop` ends it") from None
    return file
