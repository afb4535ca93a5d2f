"""The link to one worker: all remote calls, on threads of their own. Nothing of Blender's in here.

`watch` sees within two seconds that a worker came or went; `listen` hears of jobs; lanes run errands one after the
other. What they learn goes to `put` as news.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .news import Beat, Connected, JobNews, Lost, Missed, News
from .worker_api import Address, Client, ClientError, Hello, Unreachable

BEAT_S = 0.4
ANSWER_S = 1.0
"""Longest wait for the answer to a beat: with the gap before it less than two seconds."""
_POLL_S = 10.0
_GAP_S = 0.05
"""Between two polls: what happens close together comes as one piece of news."""

Put = Callable[[News], None]
Errand = Callable[[Client, Hello], None]
Failed = Callable[[ClientError], None]


@dataclass(frozen=True)
class Place:
    """Where a worker is looked for: in a state folder of this machine, or at an address."""

    state: Path | None
    host: str = ""
    port: int = 0
    certificates: Path = Path()

    def address(self) -> Address | None:
        """None: no worker has started here. Raises ClientError: the certificates are not there."""
        if self.state is not None:
            return Address.of_state(self.state)
        try:
            return Address.remote(self.host, self.port, self.certificates)
        except OSError as error:
            raise ClientError(
                f"{self.certificates}: expected the client's folder that `imagintalk worker certificates` made"
                f" ({error.strerror}: {error.filename}); set it in the add-on's preferences"
            ) from None

    @property
    def words(self) -> str:
        return f"{self.host}:{self.port}" if self.state is None else "this machine"


class Link:
    """One worker as the add-on reaches it. Methods return at once."""

    def __init__(self, place: Place, put: Put, version: str) -> None:
        self.place, self._put, self._version = place, put, version
        self._closing = threading.Event()
        self._here: tuple[Address, Hello] | None = None
        self._listening = 0
        """Number of the listener that counts; older ones end when their poll does."""
        self.quick, self.long, self.faces = (Lane(self, seconds) for seconds in (5.0, 120.0, 60.0))
        self._lanes = (self.quick, self.long, self.faces)
        _thread(self._watch)

    @property
    def up(self) -> bool:
        return self._here is not None

    def close(self) -> None:
        """No news follows; threads end when what they wait for has answered or run out of time."""
        self._closing.set()
        for lane in self._lanes:
            lane.close()

    def client(self, seconds: float) -> tuple[Client, Hello] | None:
        """A connection of the caller's own to the worker that answered last; None: none does."""
        here = self._here
        return (Client(here[0], self._version, seconds), here[1]) if here is not None else None

    def tell(self, news: News) -> None:
        if not self._closing.is_set():
            self._put(news)

    def _watch(self) -> None:
        client, address, said = None, None, ""
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                found = self.place.address()
                if found is None:
                    raise Unreachable(f"no worker runs on {self.place.words}")
                if client is None or found != address:
                    client, address = Client(found, self._version, ANSWER_S), found
                hello = client.hello()
                if self._here is None or self._here[1].instance != hello.instance or self._here[0] != found:
                    self._begin(found, hello)
                    said = ""
                self._here = (found, hello)
                self.tell(Beat(client.status()))
            except ClientError as error:
                self._here = None
                reason = str(error)
                if reason != said:
                    self.tell(Lost(reason, refused=not isinstance(error, Unreachable)))
                    said = reason
            self._closing.wait(max(0.05, BEAT_S - (time.monotonic() - began)))
        if client is not None:
            client.close()

    def _begin(self, address: Address, hello: Hello) -> None:
        self._here = (address, hello)
        self._listening += 1
        self.tell(Connected(hello, hashlib.sha256(address.token.encode()).hexdigest()[:16]))
        number = self._listening
        _thread(lambda: self._listen(number, Client(address, self._version, ANSWER_S)))

    def _listen(self, number: int, client: Client) -> None:
        instance, since = "", 0
        while not self._closing.is_set() and number == self._listening:
            try:
                news = client.events(instance, since, _POLL_S)
            except ClientError:
                self._closing.wait(0.3)
                continue
            if number != self._listening:
                break
            instance, since = news.instance, news.last
            for event in news.events:
                self.tell(JobNews(event.job))
            if news.missed:
                self.tell(Missed())
            self._closing.wait(_GAP_S)
        client.close()


class Lane:
    """Errands one after the other, over a connection of its own."""

    def __init__(self, link: Link, seconds: float) -> None:
        """seconds: longest wait for one answer."""
        self._link, self._seconds = link, seconds
        self._errands: queue.SimpleQueue[tuple[Errand, Failed] | None] = queue.SimpleQueue()
        _thread(self._run)

    def do(self, errand: Errand, failed: Failed) -> None:
        """failed: called, on the lane's thread, when the errand raised ClientError or there is no worker."""
        self._errands.put((errand, failed))

    def close(self) -> None:
        self._errands.put(None)

    def _run(self) -> None:
        client: Client | None = None
        instance = ""
        while (item := self._errands.get()) is not None:
            errand, failed = item
            try:
                now = self._link.client(self._seconds)
                if now is None:
                    raise Unreachable(f"no worker answers on {self._link.place.words}")
                if client is None or instance != now[1].instance:
                    client, instance = now[0], now[1].instance
                errand(client, now[1])
            except ClientError as error:
                failed(error)
        if client is not None:
            client.close()


def _thread(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="imagintalk", daemon=True).start()
