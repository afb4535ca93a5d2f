"""The client: what an editor, the command line and the tests speak to the worker with.

Needs the standard library and rpyc only, like the `protocol`, `wire` and `address` beside it.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rpyc.core import consts, vinegar
from rpyc.core.protocol import Connection
from rpyc.core.service import VoidService

from .address import Address
from .protocol import (
    FINISHED,
    OK,
    PROTOCOL,
    REFUSED,
    UPLOADED,
    ClipRequest,
    Events,
    Face,
    Hello,
    Job,
    ProtocolError,
    Result,
    ResultFile,
    Status,
)
from .wire import BoundedChannel, BoundedStream, opening

MESSAGE_BYTES = 4 << 20
POLL_S = 20.0
_CONNECT_S = 5.0


class ClientError(Exception):
    """The worker cannot be reached, or refuses; one line for the user."""


class Unreachable(ClientError):
    """There is no connection; trying again may help."""


class Client:
    """One worker. Safe for threads; calls wait for each other, but not for `events`, which has its own connection.

    Every method raises ClientError. A connection that was lost is made anew at the next call, so a client may be kept
    while the worker is started again.
    """

    def __init__(self, address: Address, version: str = "", timeout_s: float = 30.0) -> None:
        """version: of the client's program, for messages. timeout_s: longest wait for an answer."""
        self._calls = _Line(address, version, timeout_s)
        self._polls = _Line(address, version, timeout_s + POLL_S)
        self._faces = _Line(address, version, timeout_s + _FACES_S)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        for line in (self._calls, self._polls, self._faces):
            line.close()

    def hello(self) -> Hello:
        """What the worker is and can do, asked anew."""
        with self._calls.connected():
            return self._calls.greet()

    def submit(self, request: ClipRequest) -> int:
        """Enter a job; its id."""
        return int(self._calls.ask("submit", request.pack()))

    def submit_batch(self, requests: Iterable[ClipRequest]) -> list[int]:
        """Enter up to 1000 jobs, all or none; their ids."""
        return list(self._calls.ask("submit_batch", tuple(request.pack() for request in requests)))

    def events(self, instance: str, since: int, timeout_s: float = POLL_S) -> Events:
        """What happened after `since`; waits for something up to timeout_s. Begin with the hello's instance and 0."""
        return Events.unpack(self._polls.ask("events", instance, since, min(timeout_s, POLL_S)))

    def cancel(self, job: int) -> None:
        """Stop a job."""
        self._calls.ask("cancel", job)

    def job(self, job: int) -> Job:
        """How a job stands."""
        return Job.unpack(self._calls.ask("job", job))

    def jobs_by_id(self, jobs: Sequence[int]) -> list[Job]:
        """How these stand, in their order."""
        groups = [tuple(jobs[first : first + _MOST_JOBS]) for first in range(0, len(jobs), _MOST_JOBS)]
        return [Job.unpack(job) for group in groups for job in self._calls.ask("jobs_by_id", group)]

    def jobs(self, limit: int = 100, states: Sequence[str] = ()) -> list[Job]:
        """The newest jobs, newest first."""
        return [Job.unpack(job) for job in self._calls.ask("jobs", limit, tuple(states))]

    def result(self, job: int) -> Result:
        """What a job that is done has made."""
        return Result.unpack(self._calls.ask("result", job))

    def forget(self, job: int) -> None:
        """Remove a finished job."""
        self._calls.ask("forget", job)

    def faces(self, path: str, start_s: float = 0.0, end_s: float | None = None) -> list[Face]:
        """The people in a clip; takes seconds."""
        return [Face.unpack(face) for face in self._faces.ask("faces", path, start_s, end_s)]

    def preload(self) -> None:
        """Have the model loaded ahead of the first job."""
        self._calls.ask("preload")

    def status(self) -> Status:
        """The worker from outside."""
        return Status.unpack(self._calls.ask("status"))

    def metrics(self) -> str:
        """The same for Prometheus."""
        return str(self._calls.ask("metrics"))

    def shutdown(self) -> None:
        """Ask the worker to stop."""
        self.hello()  # tells when there is none
        with suppress(Unreachable):  # it may be gone before its answer is
            self._calls.ask("shutdown")

    def upload(self, path: Path, report: Callable[[float], None] | None = None) -> str:
        """Bring a file to the worker, what it lacks of it; the path to name it by in a request.

        report: called with the share that is there, 0..1. Raises OSError when the file cannot be read.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
            chunk = self.hello().chunk_bytes
            have = int(self._calls.ask("upload_begin", sha256, size))
            while have < size:
                file.seek(have)
                have = int(self._calls.ask("upload_add", sha256, size, have, file.read(min(chunk, size - have))))
                if report is not None:
                    report(have / size)
        return UPLOADED + sha256

    def download(self, job: int, file: ResultFile, to: Path) -> None:
        """Bring a file of a result here; appears whole, its checksum compared. Raises OSError."""
        partial = to.with_name(f".{to.name}.{os.getpid()}")
        chunk, digest, have = self.hello().chunk_bytes, hashlib.sha256(), 0
        try:
            with partial.open("wb") as out:
                while have < file.bytes:
                    piece = self._calls.ask("read", job, file.name, have, min(chunk, file.bytes - have))
                    if not piece:
                        break
                    out.write(piece)
                    digest.update(piece)
                    have += len(piece)
            if digest.hexdigest() != file.sha256:
                raise ClientError(f"{file.name}: expected SHA-256 {file.sha256}, got {digest.hexdigest()}; try again")
            os.replace(partial, to)
        finally:
            partial.unlink(missing_ok=True)

    def wait(self, job: int, notify: Callable[[Job], None] | None = None) -> Job:
        """Until a job is finished, through cuts of the connection and starts of the worker; how it stands then."""
        return self.wait_all([job], notify)[0]

    def wait_all(self, jobs: Sequence[int], notify: Callable[[Job], None] | None = None) -> list[Job]:
        """Until all are finished. notify: called with every news of one of them.

        Raises Unreachable when the worker stays away for half a minute.
        """
        wanted, finished = set(jobs), dict[int, Job]()
        instance, since, lost = "", 0, None

        def heard(job: Job) -> None:
            if job.id in wanted and job.id not in finished:
                if notify is not None:
                    notify(job)
                if job.state in FINISHED:
                    finished[job.id] = job

        while len(finished) < len(wanted):
            try:
                asked = time.monotonic()
                news = self.events(instance, since)
                instance, since, lost = news.instance, news.last, None
                for event in news.events:
                    heard(event.job)
                if news.missed:
                    for job in self.jobs_by_id(sorted(wanted - finished.keys())):
                        heard(job)
                gap_s = min(_GAP_S * max(len(wanted) - len(finished), 1), _LONGEST_GAP_S)
                time.sleep(max(0.0, asked + gap_s - time.monotonic()))
            except Unreachable:
                lost = lost or time.monotonic()
                if time.monotonic() - lost > _AWAY_S:
                    raise
                time.sleep(0.2)
        return [finished[job] for job in jobs]


_MOST_JOBS = 400
"""In one question, so that the answer stays below the bound on a message however long the clips' paths are."""
_FACES_S = 60.0
"""After which the worker gives up on a picture."""
_AWAY_S = 30.0
_GAP_S, _LONGEST_GAP_S = 0.01, 0.2
"""Between two polls, for each job that is waited for: what happens close together comes in one answer."""


class _Line:
    """One connection, made when needed and again after a cut."""

    def __init__(self, address: Address, version: str, timeout_s: float) -> None:
        self._address, self._version, self._timeout_s = address, version, timeout_s
        self._lock = threading.RLock()
        self._connection: Any = None

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Hold the line; what breaks it is told as Unreachable, and it is given up."""
        with self._lock:
            try:
                self._drop_if_cut()
                if self._connection is None:
                    self._connect()
                yield
            except (EOFError, OSError, TimeoutError) as error:
                self.close()
                place = f"{self._address.host}:{self._address.port}"
                raise Unreachable(
                    f"no answer from the worker at {place} ({error or type(error).__name__}); is it running, and is"
                    " the token that of this worker?"
                ) from None
            except (
                ProtocolError, ValueError, TypeError, LookupError, AttributeError, vinegar.GenericException
            ) as error:  # fmt: skip
                raise ClientError(f"the worker's answer is not understood ({error}); update both sides") from None

    def _drop_if_cut(self) -> None:
        """The worker hangs up on who was silent for long. Told before a call is sent, so none is sent twice."""
        if self._connection is not None:
            try:
                self._connection.poll(0)
            except (EOFError, OSError):
                self.close()

    def ask(self, call: str, *values: Any) -> Any:
        with self.connected():
            return self._call(call, *values)

    def greet(self) -> Hello:
        return Hello.unpack(self._call("hello", PROTOCOL, self._version))

    def _call(self, call: str, *values: Any) -> Any:
        # The one way to call that the worker leaves open: name and values in a single message.
        connection = self._connection
        kind, value = connection.sync_request(consts.HANDLE_CALLATTR, connection.root, f"exposed_{call}", values)
        if kind == OK:
            return value
        if kind == REFUSED:
            raise ClientError(str(value))
        raise ProtocolError(f"expected {OK} or {REFUSED}, got {kind!r}")

    def _connect(self) -> None:
        address = self._address
        sock: Any = socket.create_connection((address.host, address.port), timeout=_CONNECT_S)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = address.tls()
            if tls is not None:
                sock = tls.wrap_socket(sock, server_hostname=address.host)
            sock.sendall(opening(address.token))
        except (OSError, ssl.SSLError):
            sock.close()
            raise
        channel = BoundedChannel(BoundedStream(sock, None, self._timeout_s), MESSAGE_BYTES)
        config = {"sync_request_timeout": self._timeout_s, "allow_pickle": False, "allow_safe_attrs": False}
        self._connection = _Hanging(VoidService(), channel, config)
        try:
            self.greet()
        except BaseException:
            self.close()
            raise


class _Hanging(Connection):
    """RPyC's protocol that hangs up without waiting for an answer, and lets the worker call nothing."""

    @classmethod
    def _request_handlers(cls) -> dict[int, Any]:
        return {}

    def close(self) -> None:
        if not self._closed:
            self._cleanup()
