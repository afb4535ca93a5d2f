"""What a connection may ask: RPyC's exposed methods, plain values in and out.

Every answer is (OK, value) or (REFUSED, reason in one line), so that no exception, with what it tells of our insides,
crosses the wire. Until `hello` was answered, nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

import rpyc

from imagintalk.errors import ImaginTalkError, WorkerError
from imagintalk.provenance import program_version

from .listener import ValuesOnly
from .logs import fault
from .protocol import OK, PROTOCOL, REFUSED, ClipRequest, Hello, ProtocolError

if TYPE_CHECKING:
    from .worker import Worker

LONGEST_POLL_S = 30.0
MOST_REQUESTS = 1000
"""In one batch."""
MOST_JOBS = 400
"""In one answer, so that it stays below the bound on a message however long the clips' paths are."""

F = TypeVar("F", bound=Callable[..., Any])


def _answers(method: F) -> F:
    expected = signature(method)

    @wraps(method)
    def answer(self: Guest, *values: Any) -> tuple[str, Any]:
        try:
            if not self.greeted and method.__name__ != "exposed_hello":
                raise WorkerError("say hello first")
            try:
                expected.bind(self, *values)
            except TypeError as error:
                raise WorkerError(f"{method.__name__.removeprefix('exposed_')}: {error}") from None
            return OK, method(self, *values)
        except (ImaginTalkError, ProtocolError) as error:
            return REFUSED, " ".join(str(error).split())
        except Exception:  # noqa: BLE001 - told in the log, not to the client
            fault("service", call=method.__name__)
            return REFUSED, "fault of the worker; its log tells more"

    return answer  # type: ignore[return-value]


class Guest(rpyc.Service):
    """One connection's view of the worker."""

    _protocol = ValuesOnly

    def __init__(self, worker: Worker, local: bool) -> None:
        self._worker, self._local = worker, local
        self.greeted = False

    @_answers
    def exposed_hello(self, protocol: int, version: str) -> tuple[Any, ...]:
        """A packed Hello. protocol, version: the client's."""
        if protocol != PROTOCOL:
            older, newer = ("client", "worker") if _int(protocol) < PROTOCOL else ("worker", "client")
            raise WorkerError(
                f"the worker ({program_version()}) speaks protocol {PROTOCOL}, the client ({_text(version)})"
                f" {protocol}: update the {older}, which is older than the {newer}"
            )
        self.greeted = True
        return self._worker.hello(self._local).pack()

    @_answers
    def exposed_submit(self, request: tuple[Any, ...]) -> int:
        """The id of the job that a packed ClipRequest became."""
        return self._worker.submit([ClipRequest.unpack(request)], self._local)[0]

    @_answers
    def exposed_submit_batch(self, requests: tuple[tuple[Any, ...], ...]) -> tuple[int, ...]:
        """Ids of the jobs that packed ClipRequests became: all of them, or none."""
        if not isinstance(requests, tuple) or len(requests) > MOST_REQUESTS:
            raise WorkerError(f"expected a tuple of at most {MOST_REQUESTS} requests")
        return tuple(self._worker.submit([ClipRequest.unpack(request) for request in requests], self._local))

    @_answers
    def exposed_events(self, instance: str, since: int, timeout_s: float) -> tuple[Any, ...]:
        """Packed Events after `since`; waits for one up to timeout_s, at most half a minute."""
        seconds = min(max(_number(timeout_s), 0.0), LONGEST_POLL_S)
        return self._worker.events.wait(_text(instance), _int(since), seconds).pack()

    @_answers
    def exposed_cancel(self, job: int) -> None:
        """Stop a job."""
        self._worker.jobs.cancel(_int(job))

    @_answers
    def exposed_job(self, job: int) -> tuple[Any, ...]:
        """A packed Job."""
        return self._worker.jobs.view(_int(job)).pack()

    @_answers
    def exposed_jobs_by_id(self, jobs: tuple[int, ...]) -> tuple[Any, ...]:
        """Packed Jobs, in the order asked for."""
        if not isinstance(jobs, tuple) or len(jobs) > MOST_JOBS:
            raise WorkerError(f"expected a tuple of at most {MOST_JOBS} jobs")
        return tuple(self._worker.jobs.view(_int(job)).pack() for job in jobs)

    @_answers
    def exposed_jobs(self, limit: int, states: tuple[str, ...]) -> tuple[Any, ...]:
        """Packed Jobs, newest first, of these states or all."""
        if not isinstance(states, tuple):
            raise WorkerError("expected a tuple of states")
        found = self._worker.jobs.views(min(max(_int(limit), 0), MOST_JOBS), tuple(_text(state) for state in states))
        return tuple(job.pack() for job in found)

    @_answers
    def exposed_result(self, job: int) -> tuple[Any, ...]:
        """A packed Result."""
        return self._worker.result(_int(job)).pack()

    @_answers
    def exposed_read(self, job: int, name: str, offset: int, count: int) -> bytes:
        """Bytes of a file of a result."""
        return self._worker.read_result(_int(job), _text(name), _int(offset), _int(count))

    @_answers
    def exposed_forget(self, job: int) -> None:
        """Remove a finished job from the journal."""
        self._worker.jobs.forget(_int(job))

    @_answers
    def exposed_faces(self, path: str, start_s: float, end_s: float | None) -> tuple[Any, ...]:
        """Packed Faces of the people in a clip's first ten seconds from start_s."""
        end = None if end_s is None else _number(end_s)
        return tuple(face.pack() for face in self._worker.find_faces(_text(path), _number(start_s), end, self._local))

    @_answers
    def exposed_preload(self) -> None:
        """Load the model ahead."""
        self._worker.preload()

    @_answers
    def exposed_upload_begin(self, sha256: str, size: int) -> int:
        """Bytes of this file that are here already."""
        return self._worker.uploads.begin(_text(sha256), _int(size))

    @_answers
    def exposed_upload_add(self, sha256: str, size: int, offset: int, chunk: bytes) -> int:
        """Take the next bytes of an upload; how many are here then."""
        if not isinstance(chunk, bytes):
            raise WorkerError("expected bytes")
        return self._worker.uploads.add(_text(sha256), _int(size), _int(offset), chunk)

    @_answers
    def exposed_status(self) -> tuple[Any, ...]:
        """A packed Status."""
        return self._worker.status().pack()

    @_answers
    def exposed_metrics(self) -> str:
        """The status in Prometheus' text format."""
        return self._worker.metrics()

    @_answers
    def exposed_shutdown(self) -> None:
        """Stop the worker; what runs starts again with the next one. For clients on its machine."""
        if not self._local:
            raise WorkerError("only a client on the worker's machine may stop it")
        self._worker.ask_to_stop()


def hello_of(worker: Worker, local: bool) -> Hello:
    """What `hello` answers."""
    card, limits = worker.card, worker.settings.limits
    return Hello(
        protocol=PROTOCOL,
        version=program_version(),
        instance=worker.events.instance,
        device=worker.device,
        model=card.name,
        model_sha256=card.sha256,
        emotions=("auto", *card.emotions),
        voices=("auto", *card.voices),
        local=local,
        chunk_bytes=limits.chunk_bytes,
        upload_bytes=limits.upload_bytes,
        queued_jobs=limits.queued_jobs,
    )


def _int(value: object) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise WorkerError(f"expected a whole number, got {value!r:.60}")
    return value


def _number(value: object) -> float:
    if type(value) is int and abs(value) < 2**63:
        return float(value)
    if type(value) is not float or value != value or value in (float("inf"), float("-inf")):
        raise WorkerError(f"expected a number, got {value!r:.60}")
    return value


def _text(value: object) -> str:
    if type(value) is not str or len(value) > 4096:
        raise WorkerError(f"expected a text of at most 4096 characters, got {value!r:.60}")
    return value
