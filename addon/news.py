"""What background threads tell the main thread: plain values in a queue, never anything of Blender's."""

from __future__ import annotations

from dataclasses import dataclass

from .worker_api import Face, Hello, Job, Status


@dataclass(frozen=True)
class Connected:
    """A worker answers, for the first time or again."""

    hello: Hello
    worker: str
    """Stays the same when the worker is started again: numbers of jobs hold for one of these."""


@dataclass(frozen=True)
class Beat:
    """It still does."""

    status: Status


@dataclass(frozen=True)
class Lost:
    """None answers."""

    reason: str
    refused: bool
    """There is one, but it does not let us in: starting another would not help."""


@dataclass(frozen=True)
class Started:
    """The worker's process was started, and should answer soon."""


@dataclass(frozen=True)
class StartFailed:
    """The worker's process could not be started."""

    reason: str


@dataclass(frozen=True)
class Submitted:
    """The worker has taken a request."""

    key: str
    job: Job


@dataclass(frozen=True)
class Unsent:
    """The worker went away before it took a request: send it again when one answers."""

    key: str


@dataclass(frozen=True)
class Refused:
    """The worker does not take a request, or what it made could not be brought here."""

    key: str
    reason: str


@dataclass(frozen=True)
class JobNews:
    """How a job stands."""

    job: Job


@dataclass(frozen=True)
class Forgotten:
    """The worker knows nothing of a job."""

    number: int


@dataclass(frozen=True)
class Recalled:
    """The worker will not work on a job any more."""

    number: int
    worker: str


@dataclass(frozen=True)
class Missed:
    """Jobs may have moved unheard: ask how they stand."""


@dataclass(frozen=True)
class TakeFile:
    """A take on this machine's disk."""

    path: str
    seed: int


@dataclass(frozen=True)
class Fetched:
    """The takes of a job are here."""

    key: str
    takes: tuple[TakeFile, ...]
    warnings: tuple[str, ...]
    model: str


@dataclass(frozen=True)
class FacesFound:
    """Who is in a strip's picture."""

    source: str
    faces: tuple[Face, ...]
    reason: str
    """Why there are none, in words; empty: they were found."""


@dataclass(frozen=True)
class Rendered:
    """A strip's picture is a file now."""

    key: str
    path: str


@dataclass(frozen=True)
class RenderProgress:
    key: str
    fraction: float


@dataclass(frozen=True)
class Trouble:
    """Something that was asked for did not work."""

    reason: str


News = (
    Connected
    | Beat
    | Lost
    | Started
    | StartFailed
    | Submitted
    | Unsent
    | Refused
    | JobNews
    | Forgotten
    | Recalled
    | Missed
    | Fetched
    | FacesFound
    | Rendered
    | RenderProgress
    | Trouble
)
