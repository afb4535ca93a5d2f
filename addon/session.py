"""What the add-on knows while Blender runs: the worker, the open dubs, and what the threads tell. Main thread only.

Nothing of Blender's in here: where takes go is asked of `destination`, and `tick` brings the rest into the scene.
"""

from __future__ import annotations

import queue
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from . import errands
from .dub import FETCHING, READY, SENDING, WAITING, Dub
from .link import Link, Place
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
    Refused,
    Rendered,
    RenderProgress,
    StartFailed,
    Submitted,
    Trouble,
    Unsent,
)
from .wishes import Wish
from .worker_api import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Hello, Job, Status

NONE, STARTING, READY_TO_WORK, STOPPING, REFUSED = "no worker", "starting", "ready", "stopping", "refused"

_UNCLAIMED = 1024


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
    wishes: deque[Wish] = field(default_factory=deque)
    """Strips that are still to be prepared."""
    dropped: set[str] = field(default_factory=set)
    """Keys of dubs that were taken off the list, which undo may bring back to a scene."""
    unreadable: set[str] = field(default_factory=set)
    """Keys of jobs in scenes that another version wrote."""
    changed: set[str] = field(default_factory=set)
    """Keys of dubs whose copy in the scene is old."""
    faces: dict[str, FacesFound] = field(default_factory=dict)
    waits: str = ""
    """Why nothing may be inserted now, in words; empty: it may."""
    looking: set[str] = field(default_factory=set)
    """Strips whose faces are being looked for."""
    _unclaimed: OrderedDict[int, Job] = field(default_factory=OrderedDict)
    """News of jobs whose numbers we did not know yet."""
    _numbers: dict[int, str] = field(default_factory=dict)

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

    def listen_again(self) -> None:
        """Jobs were loaded: hear how they stand."""
        self._renumber()
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
        ready = list(dubs)
        for dub in ready:
            dub.state, dub.reason = WAITING, ""
            self.add(dub)
        if self.link is not None and self.worker == READY_TO_WORK and ready:
            for dub in ready:
                dub.state = SENDING
            errands.submit(self.link, [dub.request for dub in ready])
        elif ready and self.worker == NONE and self.last_words:
            self.trouble = f"{self.last_words}; jobs wait for one"

    def cancel(self, dubs: Iterable[Dub]) -> None:
        """Stop them; the worker's part follows."""
        numbers = []
        for dub in dubs:
            if dub.number is not None and dub.state in (QUEUED, RUNNING):
                numbers.append(dub.number)
            if dub.open:
                dub.state, dub.seconds_left = CANCELLED, None
                self.changed.add(dub.key)
        if numbers and self.link is not None:
            errands.cancel(self.link, numbers)

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

    def drain(self, budget_s: float) -> bool:
        """Take in news for so long at most; whether there was any that is seen."""
        any_came, until = False, time.perf_counter() + budget_s
        while time.perf_counter() < until:
            try:
                news = self.news.get_nowait()
            except queue.Empty:
                return any_came
            before = self._seen()
            self._hear(news)
            any_came = any_came or not isinstance(news, Beat) or self._seen() != before
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
            case FacesFound():
                self.looking.discard(news.source)
                self.faces[news.source] = news
            case Trouble(reason):
                self.trouble = reason
                if self.worker == STOPPING:
                    self.worker = READY_TO_WORK
            case StartFailed():  # there is one by now
                return
            case _:
                dub = self.dubs.get(news.key)
                if dub is not None and dub.open:
                    self._hear_of(dub, news)
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
                self.trouble = "the worker is gone; its jobs wait, and go on when one is started"

    def _fail_waiting(self, reason: str) -> None:
        for dub in self.dubs.values():
            if dub.state in (WAITING, SENDING):
                dub.fail(reason)
                self.changed.add(dub.key)

    def _submitted(self, key: str, job: Job) -> None:
        dub = self.dubs.get(key)
        if dub is None or not dub.open:  # cancelled before it was taken
            if self.link is not None:
                errands.cancel(self.link, [job.id])
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
        elif job.state == FAILED:
            dub.fail(job.reason)
            dub.fraction = 0.0
        elif job.state in (CANCELLED, QUEUED, RUNNING):
            dub.state = job.state

    def _fetch(self, dub: Dub) -> None:
        if self.link is not None and dub.number is not None:
            errands.fetch(self.link, dub.key, dub.number, self.destination(dub))
