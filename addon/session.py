"""What the add-on knows while Blender runs: the worker, the open dubs, and what the threads tell. Main thread only.

Nothing of Blender's in here: where takes go is asked of `destination`, and `tick` brings the rest into the scene.
"""

from __future__ import annotations

import queue
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import errands
from .dub import FETCHING, PREPARING, READY, SENDING, WAITING, Dub
from .link import Link, Place
from .look import Look
from .news import (
    Beat,
    Connected,
    FacesFound,
    Fetched,
    Forgotten,
    JobNews,
    Lost,
    Missed,
    News,
    Recalled,
    Refused,
    Rendered,
    RenderProgress,
    Started,
    StartFailed,
    Submitted,
    Trouble,
    Unsent,
)
from .wishes import once_more
from .worker_api import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Hello, Job, Status

NONE, STARTING, READY_TO_WORK, STOPPING, REFUSED = "no worker", "starting", "ready", "stopping", "refused"

_UNCLAIMED = 1024
_ANSWERS_S = 20.0
"""In which a worker answers once its process was started."""
_LACKS = (WAITING, SENDING, QUEUED, RUNNING, FETCHING)
"""States in which a job does not go on without a worker."""


@dataclass
class Session:
    """One run of the add-on."""

    destination: Callable[[Dub], errands.Destination]
    news: queue.SimpleQueue[News] = field(default_factory=queue.SimpleQueue)
    link: Link | None = None
    worker: str = NONE
    worker_id: str = ""
    hello: Hello | None = None
    status: Status | None = None
    trouble: str = ""
    """The last thing that went wrong with the worker, in words."""
    last_words: str = ""
    """Why the link has no worker, as it says it; also while none was ever expected."""
    dubs: dict[str, Dub] = field(default_factory=dict)
    """By key, oldest first."""
    dropped: set[str] = field(default_factory=set)
    """Keys of dubs that were taken off the list, which undo may bring back to a scene."""
    unreadable: set[str] = field(default_factory=set)
    """Keys of jobs in scenes that another version wrote."""
    changed: set[str] = field(default_factory=set)
    """Keys of dubs whose copy in the scene is old."""
    unsealed: list[Dub] = field(default_factory=list)
    """Whose takes are on the timeline and have no undo step yet."""
    faces: dict[str, FacesFound] = field(default_factory=dict)
    waits: str = ""
    """Why nothing may be inserted now, in words; empty: it may."""
    looks: dict[str, Look] = field(default_factory=dict)
    """By id of the strip: what is looked at for faces now."""
    recalls: set[tuple[str, int]] = field(default_factory=set)
    """Worker and number of jobs that were cancelled, of which the worker has not heard yet."""
    _unclaimed: OrderedDict[int, Job] = field(default_factory=OrderedDict)
    """News of jobs whose numbers we did not know yet."""
    _numbers: dict[int, str] = field(default_factory=dict)
    _answers_by: float | None = None
    """On the monotonic clock: until when a worker that was started may answer. None: its process still starts."""

    @property
    def lack(self) -> str:
        """Why open jobs do not go on, in words; empty: they do, or there are none."""
        if self.worker != NONE or not any(dub.state in _LACKS for dub in self.dubs.values()):
            return ""
        return f"{self.last_words or 'no worker answers'}; jobs wait, and go on when there is one"

    def connect(self, place: Place, version: str) -> None:
        """Look for the worker there from now on, and nowhere else."""
        self.disconnect()
        self.link = Link(place, self.news.put, version)

    def disconnect(self) -> None:
        if self.link is not None:
            self.link.close()
            self._forget_link()
        self.link, self.worker, self.hello, self.status = None, NONE, None, None

    def _forget_link(self) -> None:
        """Drop what the link has told and nobody has heard, but for takes that are here."""
        came = []
        with suppress(queue.Empty):
            while True:
                came.append(self.news.get_nowait())
        for news in came:
            if isinstance(news, Fetched | Rendered | RenderProgress | Refused):
                self.news.put(news)
        self._unclaimed.clear()
        self.looks.clear()  # of which nothing will be heard

    def starts(self) -> None:
        """A worker's process is being started."""
        self.worker, self.trouble, self._answers_by = STARTING, "", None

    def listen_again(self) -> None:
        """Jobs were loaded: hear how they stand, and tell of those that were cancelled meanwhile."""
        self._renumber()
        cancelled = [dub for dub in self.dubs.values() if dub.state == CANCELLED]
        self._recall({(dub.worker, dub.number) for dub in cancelled if dub.number is not None})
        self._ask_open()

    def _renumber(self) -> None:
        self._numbers = {
            dub.number: dub.key for dub in self.dubs.values() if dub.number is not None and dub.worker == self.worker_id
        }

    def add(self, dub: Dub) -> None:
        self.dubs[dub.key] = dub
        self.changed.add(dub.key)
        if dub.number is not None and dub.worker == self.worker_id:
            self._numbers[dub.number] = dub.key

    def send(self, dubs: Iterable[Dub]) -> None:
        """Submit them, now or when a worker answers."""
        ready = []
        for dub in list(dubs):
            if dub.rendered and not Path(dub.request.path).is_file():
                self.again(dub)  # its clip is a temporary file, and the machine was started anew
            else:
                ready.append(dub)
        for dub in ready:
            dub.state, dub.reason = WAITING, ""
            self.add(dub)
        if self.link is not None and self.worker == READY_TO_WORK and ready:
            for dub in ready:
                dub.state = SENDING
            errands.submit(self.link, [dub.request for dub in ready])

    def cancel(self, dubs: Iterable[Dub]) -> None:
        """Stop them; the worker hears of it now or when it answers."""
        recalled = set()
        for dub in dubs:
            if dub.open:
                dub.state, dub.seconds_left = CANCELLED, None
                self.changed.add(dub.key)
                if dub.number is not None:
                    recalled.add((dub.worker, dub.number))
        self._recall(recalled)

    def _recall(self, jobs: set[tuple[str, int]]) -> None:
        """Tell the worker, if it is there, that these were cancelled."""
        self.recalls |= jobs
        numbers = [number for worker, number in jobs if worker == self.worker_id]
        if numbers and self.link is not None and self.worker == READY_TO_WORK:
            errands.cancel(self.link, self.worker_id, numbers)

    def again(self, dub: Dub) -> None:
        """Have it made anew, of what its strip shows by then."""
        self.drop(dub)
        self.add(once_more(dub))

    def look(self, look: Look) -> None:
        """Have the faces of a strip looked for; at once where there is a file that shows it."""
        self.looks[look.source] = look
        if look.path and self.link is not None:
            errands.faces(self.link, look.source, look.path, look.start_s, look.end_s)

    def fetch_again(self, dub: Dub) -> bool:
        """Once more bring here what was made, where only that failed; whether it was so."""
        if dub.state == FAILED and dub.number is not None and dub.worker == self.worker_id and dub.fraction >= 1.0:
            dub.state = FETCHING
            self.changed.add(dub.key)
            self._fetch(dub)
            return True
        return False

    def drop(self, dub: Dub) -> None:
        """Take it off the list."""
        self.dubs.pop(dub.key, None)
        self.dropped.add(dub.key)
        self.changed.add(dub.key)

    def drain(self, until: float) -> bool:
        """Take in news, one piece at least, until a moment of perf_counter; whether there was any that is seen."""
        if self.worker == STARTING and self._answers_by is not None and time.monotonic() > self._answers_by:
            self.news.put(StartFailed(f"the worker was started, but does not answer ({self.last_words}); see its log"))
            self._answers_by = None
        any_came = False
        while True:
            try:
                news = self.news.get_nowait()
            except queue.Empty:
                return any_came
            before = self._seen()
            self._hear(news)
            any_came = any_came or not isinstance(news, Beat) or self._seen() != before
            if time.perf_counter() > until:
                return any_came

    def _seen(self) -> tuple[object, ...]:
        """What a panel shows of the worker's status: a beat that changes none of it is no news."""
        now = self.status
        return (now.device, now.model, now.queued, now.running, now.gpu_used_bytes) if now is not None else ()

    def _hear(self, news: News) -> None:
        match news:
            case Connected(hello, worker):
                self._connected(hello, worker)
            case Beat(status):
                self.status = status
            case Lost(reason, refused):
                self._lost(reason, refused)
            case Started():
                self._answers_by = time.monotonic() + _ANSWERS_S
            case StartFailed(reason) if self.worker == STARTING:
                self.worker, self.trouble = NONE, reason
                self._fail_waiting(reason)
            case Submitted(key, job):
                self._submitted(key, job)
            case Missed():
                self._ask_open()
            case JobNews(job):
                self._job(job)
            case Forgotten(number):
                dub = self._dub_of(number)
                if dub is not None and dub.open:
                    dub.number = None
                    self.send([dub])
            case Recalled(number, worker):
                self._recalled(number, worker)
            case FacesFound():
                self.looks.pop(news.source, None)
                self.faces[news.source] = news
            case Trouble(reason):
                self.trouble = reason
                if self.worker == STOPPING:
                    self.worker = READY_TO_WORK
            case StartFailed():  # there is one by now
                return
            case _:
                dub = self.dubs.get(news.key)
                look = next((look for look in self.looks.values() if look.key == news.key), None)
                if dub is not None and dub.open:
                    self._hear_of(dub, news)
                    self.changed.add(dub.key)
                elif look is not None:
                    self._hear_of_look(look, news)

    def _hear_of_look(self, look: Look, news: News) -> None:
        match news:
            case Rendered(_, path):
                look.path = path
                self.look(look)
            case Refused(_, reason):
                self._hear(FacesFound(look.source, (), reason))

    def _recalled(self, number: int, worker: str) -> None:
        self.recalls.discard((worker, number))
        for dub in self.dubs.values():
            if dub.state == CANCELLED and (dub.worker, dub.number) == (worker, number):
                dub.number = None  # so that it is not told again when the file is opened again
                self.changed.add(dub.key)

    def _hear_of(self, dub: Dub, news: News) -> None:
        match news:
            case Unsent():
                self._once_more(dub)
            case Refused(_, reason):
                dub.fail(reason)
            case Fetched(_, takes, warnings, model):
                dub.files = tuple((take.path, take.seed) for take in takes)
                dub.state, dub.warnings, dub.model = READY, warnings, model
            case RenderProgress(_, fraction):
                dub.fraction = fraction
            case Rendered(_, path):
                dub.request = replace(dub.request, path=path)
                dub.fraction = 0.0
                self.send([dub])

    def _once_more(self, dub: Dub) -> None:
        """The worker went away meanwhile: go on when one answers, or now where it is back already."""
        if dub.state != FETCHING:
            dub.state = WAITING
            if self.worker == READY_TO_WORK:
                self.send([dub])
            return
        dub.state = QUEUED
        if self.worker == READY_TO_WORK:
            self._ask_open()

    def _connected(self, hello: Hello, worker: str) -> None:
        if worker != self.worker_id:
            self._unclaimed.clear()
        self.worker, self.worker_id, self.hello, self.trouble = READY_TO_WORK, worker, hello, ""
        self._renumber()
        unsent = [
            dub
            for dub in self.dubs.values()
            if dub.state in (WAITING, SENDING)
            or (dub.state in (QUEUED, RUNNING, FETCHING) and (dub.number is None or dub.worker != worker))
        ]
        self.send(unsent)
        self._recall(self.recalls)
        self._ask_open()

    def _ask_open(self) -> None:
        numbers = [number for number, key in self._numbers.items() if self._is_at_worker(key)]
        if numbers and self.link is not None:
            errands.jobs(self.link, numbers)

    def _is_at_worker(self, key: str) -> bool:
        dub = self.dubs.get(key)
        return dub is not None and dub.state in (QUEUED, RUNNING, FETCHING)

    def _lost(self, reason: str, refused: bool) -> None:
        was, self.last_words = self.worker, reason
        self.hello = self.status = None
        if refused:
            self.worker, self.trouble = REFUSED, reason
            self._fail_waiting(reason)
        elif was != STARTING:
            self.worker = NONE
            if was == READY_TO_WORK:
                self.trouble = "the worker is gone"

    def _fail_waiting(self, reason: str) -> None:
        for dub in self.dubs.values():
            if dub.state in (PREPARING, WAITING, SENDING):
                dub.fail(reason)
                self.changed.add(dub.key)

    def _submitted(self, key: str, job: Job) -> None:
        dub = self.dubs.get(key)
        if dub is None or not dub.open:  # cancelled before it was taken
            self._recall({(self.worker_id, job.id)})
            return
        dub.number, dub.worker, dub.state = job.id, self.worker_id, QUEUED
        self._numbers[job.id] = key
        later = self._unclaimed.pop(job.id, job)
        self._job(later if job.finished_s is None else job)

    def _dub_of(self, number: int) -> Dub | None:
        return self.dubs.get(self._numbers.get(number, ""))

    def _job(self, job: Job) -> None:
        dub = self._dub_of(job.id)
        if dub is None:
            self._unclaimed[job.id] = job
            if len(self._unclaimed) > _UNCLAIMED:
                self._unclaimed.popitem(last=False)
            return
        if dub.state not in (QUEUED, RUNNING):
            return
        self.changed.add(dub.key)
        dub.stage, dub.fraction, dub.seconds_left = job.stage, job.fraction, job.seconds_left
        if job.state == DONE:
            dub.state, dub.fraction, dub.seconds_left = FETCHING, 1.0, None
            self._fetch(dub)
        elif job.state == FAILED and dub.rendered and not Path(dub.request.path).is_file():
            self.again(dub)
        elif job.state == FAILED:
            dub.fail(job.reason)
            dub.fraction = 0.0
        elif job.state in (CANCELLED, QUEUED, RUNNING):
            dub.state = job.state

    def _fetch(self, dub: Dub) -> None:
        if self.link is not None and dub.number is not None:
            errands.fetch(self.link, dub.key, dub.number, self.destination(dub))
