"""All jobs: the queue, their states, and what clients see of them. Every move is in the journal before it counts."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagintalk.errors import WorkerError

from .events import EventLog
from .journal import JobRow, Journal, JournalError, facts_of
from .logs import note
from .protocol import CANCELLED, DONE, FAILED, FINISHED, QUEUED, RUNNING, UPLOADED, ClipRequest, Job
from .results import Results
from .settings import Limits
from .states import check_move
from .views import request_of, view, view_row

MOST_CRASHES = 3
"""A clip that has ended so many processes is refused."""

_REFUSED = (
    f"refused, because this clip has ended the working process {MOST_CRASHES} times; `imagintalk worker jobs` shows"
    " how; forget those jobs to try again"
)
_FORGET_EVERY = 100
"""Jobs between two sweeps of the finished ones."""


@dataclass(frozen=True)
class Prepared:
    """A request that is checked: files found and allowed, contents digested."""

    request: ClipRequest
    path: str
    voice: str
    clip: str
    content: str


@dataclass
class LiveJob:
    """A job that is queued or running."""

    row: JobRow
    request: ClipRequest
    stage: str = ""
    fraction: float = 0.0
    begun: float = 0.0
    """Monotonic seconds of the start."""
    notes: list[str] = field(default_factory=list)
    cancel: Callable[[], None] | None = None
    """Tells the lane that works on it to stop."""
    cancelling: bool = False


class Jobs:
    """Safe for threads."""

    def __init__(
        self, journal: Journal, results: Results, events: EventLog, limits: Limits, broken: Callable[[str], None]
    ) -> None:
        """broken: told why when the journal did not take a move that was made: the worker must stop then."""
        self._journal, self._results, self._events, self._limits = journal, results, events, limits
        self._broken = broken
        self._lock = threading.RLock()
        self._waiting = threading.Condition(self._lock)
        self._live: dict[int, LiveJob] = {}
        self._heap: list[tuple[int, int]] = []
        self._running = 0
        self._sweep = 0
        self.closed = False
        self.counts: Counter[str] = Counter()
        for row in journal.unfinished():
            live = LiveJob(row, request_of(row), notes=json.loads(row.notes))
            if row.state == RUNNING:
                self._running += 1  # as the journal has it
                live.notes.append("the worker stopped while this ran, so it was started again")
                with self._recorded():
                    self._move(live, QUEUED)
            self._enqueue(live)

    def submit(self, prepared: Sequence[Prepared]) -> list[int]:
        """Enter jobs, all or none, and give their ids; what is in the cache is done at once.

        Raises WorkerError: too many wait, a clip was refused because it crashed too often, or (JournalError) the
        disk is full.
        """
        with self._lock:
            if self.closed:
                raise WorkerError("the worker is stopping; start it again")
            waiting = len(self._live) - self._running
            if waiting + len(prepared) > self._limits.queued_jobs:
                raise WorkerError(f"{waiting} jobs wait; expected at most {self._limits.queued_jobs}; try again later")
            for one in prepared:
                self._check_not_refused(one)
            with self._journal.transaction():
                entered = [self._enter(one) for one in prepared]
                if self._sweep >= _FORGET_EVERY:
                    self._sweep = 0
                    self._journal.forget_old(self._limits.finished_jobs)
            self._tell([live for live in entered if isinstance(live, LiveJob)])
            for live in entered:
                if isinstance(live, LiveJob) and live.row.state == QUEUED:
                    self._enqueue(live)
            self._waiting.notify_all()
            return [live if isinstance(live, int) else live.row.id for live in entered]

    def _check_not_refused(self, one: Prepared) -> None:
        if self._crashed_too_often(one.clip):
            raise WorkerError(f"{one.request.path}: {_REFUSED}")

    def _crashed_too_often(self, clip: str) -> bool:
        return self._journal.crashes_of(clip) >= MOST_CRASHES

    def _enter(self, one: Prepared) -> LiveJob | int:
        """A new job in the journal; the id of the old one where the client has named it before."""
        key = one.request.key or None
        known = self._journal.job_of_key(key) if key else None
        if known is not None:
            return known.id
        request = json.dumps(one.request.pack())
        row = JobRow(
            id=0,
            client_key=key,
            state=QUEUED,
            priority=one.request.priority,
            request=request,
            path=one.path,
            voice=one.voice,
            clip=one.clip,
            content=one.content,
            reason="",
            notes="[]",
            crashes=0,
            cached=0,
            created_s=time.time(),
            started_s=None,
            finished_s=None,
        )
        self._journal.add(row)
        self._sweep += 1
        self.counts["submitted"] += 1
        live = LiveJob(row, one.request)
        self._serve_from_cache(live)
        return live

    def _serve_from_cache(self, live: LiveJob) -> bool:
        """Whether the result was there already. Inside of a transaction."""
        outcome = self._results.find(live.row.content)
        if outcome is None:
            return False
        live.row.cached = 1
        self.counts["cached"] += 1
        self._move(live, DONE)
        return True

    def take(self, timeout_s: float) -> LiveJob | None:
        """The next job, now running; None when none comes within `timeout_s` or the worker stops."""
        until = time.monotonic() + timeout_s
        with self._lock:
            while not self.closed:
                while self._heap:
                    live = self._live.get(heapq.heappop(self._heap)[1])
                    if live is None or live.row.state != QUEUED:
                        continue  # cancelled meanwhile
                    with self._recorded():
                        if self._crashed_too_often(live.row.clip):
                            live.row.reason = _REFUSED
                            self._move(live, FAILED)
                        elif not self._serve_from_cache(live):
                            live.begun = time.monotonic()
                            self._move(live, RUNNING)
                    self._tell([live])
                    if live.row.state == RUNNING:
                        return live
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._waiting.wait(left)
            return None

    def progress(self, live: LiveJob, stage: str, fraction: float) -> None:
        """The pipeline is so far. Not in the journal: a restart begins anew."""
        with self._lock:
            if live.row.state == RUNNING:
                live.stage, live.fraction = stage, min(max(fraction, 0.0), 1.0)
                self._events.add([self._view_live(live)])

    def finish(self, live: LiveJob, made: Path, outcome: dict[str, Any]) -> None:
        """The result lies whole in `made`. Raises OSError when it cannot be moved into its place."""
        with self._lock:
            twin = self._results.find(live.row.content)  # another lane was faster with the same request
            if twin is None:
                self._results.move_in(live.row.content, made)
            live.notes += outcome["notes"]
            with self._recorded():
                if twin is None:
                    self._results.enter(live.row.content, outcome)
                self._journal.clear_crashes(live.row.clip)
                self._move(live, DONE)
            self._tell([live])
            for content in self._results.evict(keep=live.row.content):
                note("result dropped", content=content)

    def fail(self, live: LiveJob, reason: str, crashed: bool = False) -> None:
        """reason: in words. crashed: it ended the process that worked on it."""
        with self._lock:
            live.row.crashes += crashed
            if live.request.path.startswith(UPLOADED):
                reason = reason.replace(live.row.path, "the clip")  # where it lies here is no business of the client's
            live.row.reason = reason
            with self._recorded():
                self._move(live, FAILED)
            self._tell([live])

    def stopped(self, live: LiveJob) -> None:
        """The lane has stopped the work because of `cancel`."""
        with self._lock:
            with self._recorded():
                self._move(live, CANCELLED)
            self._tell([live])

    def put_back(self, live: LiveJob, why: str, crashed: bool = False) -> None:
        """The job runs again from its start: whatever worked on it went away. Crashing too often fails it."""
        with self._lock:
            if live.cancelling:
                self.stopped(live)
                return
            live.row.crashes += crashed
            if live.row.crashes >= MOST_CRASHES:
                self.fail(live, f"{why}; it was tried {MOST_CRASHES} times")
                return
            live.notes.append(f"{why}, so it was started again")
            live.stage, live.fraction, live.cancel = "", 0.0, None
            with self._recorded():
                self._move(live, QUEUED)
            self._tell([live])
            self._enqueue(live)
            self._waiting.notify()

    def cancel(self, job: int) -> None:
        """Stop a job: one that waits at once, one that runs within a sampler step. One that is finished stays so.

        Raises WorkerError: no such job.
        """
        tell = None
        with self._lock:
            live = self._live.get(job)
            if live is None:
                self._row(job)
            elif live.row.state == QUEUED:
                with self._recorded():
                    self._move(live, CANCELLED)
                self._tell([live])
            elif not live.cancelling:
                live.cancelling = True
                tell = live.cancel
        if tell is not None:
            tell()  # without the lock: an actor may be far away

    def forget(self, job: int) -> None:
        """Remove a finished job; its result stays until its turn comes. Raises WorkerError: not there, not finished."""
        with self._lock:
            row = self._row(job)
            if row.state not in FINISHED:
                raise WorkerError(f"job {job} is {row.state}; cancel it first")
            with self._recorded():
                self._journal.forget(job)

    def view(self, job: int) -> Job:
        """Raises WorkerError: no such job."""
        with self._lock:
            live = self._live.get(job)
            return self._view_live(live) if live else view_row(self._row(job))

    def views(self, limit: int, states: Sequence[str] = ()) -> list[Job]:
        """The newest jobs, newest first."""
        with self._lock:
            rows = self._journal.latest(limit, states)
            return [self._view_live(self._live[row.id]) if row.id in self._live else view_row(row) for row in rows]

    def result(self, job: int) -> tuple[JobRow, dict[str, Any]]:
        """A finished job and what it made. Raises WorkerError: no such job, not done, or no longer kept."""
        with self._lock:
            row = self._row(job)
            if row.state != DONE:
                raise WorkerError(f"job {job} is {row.state}{': ' if row.reason else ''}{row.reason}; it has no result")
            outcome = self._results.find(row.content)
            if outcome is None:
                raise WorkerError(f"job {job}: its result is no longer kept; submit the clip again")
            return row, outcome

    def tally(self) -> tuple[int, int, int]:
        """Jobs queued, jobs running, bytes of the cache."""
        with self._lock:
            return len(self._live) - self._running, self._running, self._results.total_bytes

    def live_paths(self) -> set[str]:
        """Files that queued and running jobs need."""
        with self._lock:
            return {path for live in self._live.values() for path in (live.row.path, live.row.voice)}

    def close(self) -> None:
        """Give no more jobs; those that run stay `running` in the journal and start again with the next worker."""
        with self._lock:
            self.closed = True
            self._waiting.notify_all()

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """A transaction around moves of jobs. Where the journal does not take them it is right and memory is wrong:
        no more jobs are given, and the next worker goes on from the journal, as after a kill."""
        try:
            with self._journal.transaction():
                yield
        except JournalError as error:
            self.closed = True
            self._waiting.notify_all()
            self._broken(str(error))
            raise

    def _row(self, job: int) -> JobRow:
        row = self._journal.job(job)
        if row is None:
            raise WorkerError(f"no job {job}; `imagintalk worker jobs` lists them")
        return row

    def _enqueue(self, live: LiveJob) -> None:
        self._live[live.row.id] = live
        heapq.heappush(self._heap, (-live.row.priority, live.row.id))

    def _move(self, live: LiveJob, state: str) -> None:
        """Change the state, in the journal too. Inside of a transaction."""
        row = live.row
        check_move(row.id, row.state, state)
        self._running += (state == RUNNING) - (row.state == RUNNING)
        row.state = state
        row.notes = json.dumps(live.notes)
        if state == RUNNING:
            row.started_s = time.time()
        if state in FINISHED:
            row.finished_s = time.time()
            self.counts[state] += 1
            self._live.pop(row.id, None)
        self._journal.save(row)

    def _tell(self, lives: list[LiveJob]) -> None:
        self._events.add([self._view_live(live) for live in lives])
        for live in lives:
            note("job", **facts_of(live.row))

    def _view_live(self, live: LiveJob) -> Job:
        return view(live.row, live.request, live.stage, live.fraction, _seconds_left(live), tuple(live.notes))


def _seconds_left(live: LiveJob) -> float | None:
    if live.row.state != RUNNING or live.fraction < 0.05:
        return None
    return (time.monotonic() - live.begun) * (1 - live.fraction) / live.fraction
