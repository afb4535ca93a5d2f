"""What happened, in order, for clients that wait for it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from itertools import islice

from .protocol import Event, Events, Job

KEPT = 4096
"""Events that a client may be behind."""
MOST = 512
"""Events in one answer, so that it stays far below the bound on a message."""


class EventLog:
    """A bounded log with long polls. Safe for threads."""

    def __init__(self) -> None:
        self.instance = secrets.token_hex(8)
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._number = 0
        self._news = threading.Condition()
        self._closed = False

    def add(self, jobs: list[Job]) -> None:
        """Tell of these jobs."""
        with self._news:
            for job in jobs:
                self._number += 1
                self._events.append(Event(self._number, job))
            self._news.notify_all()

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def wait(self, instance: str, since: int, timeout_s: float) -> Events:
        """The last event of each job after `since`, at once when there are any, else within `timeout_s` seconds.

        instance: that of the worker which gave `since`; of another one everything was missed.
        """
        until = time.monotonic() + timeout_s
        with self._news:
            missed = instance != self.instance
            if missed:
                return Events(self.instance, self._number, True, ())
            while self._number <= since and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._news.wait(left)
            first = self._number - len(self._events) + 1
            skip = max(since + 1 - first, 0)
            found = list(islice(self._events, skip, skip + MOST))
            last = found[-1].number if found else self._number
            newest = {event.job.id: event for event in found}
            return Events(self.instance, last, since + 1 < first, tuple(sorted(newest.values(), key=_number)))


def _number(event: Event) -> int:
    return event.number
