"""What worker and clients say to each other: frozen dataclasses that turn into plain tuples and back.

Standard library only, because an editor's Python has nothing else. A message is packed as the tuple of its fields in
order; unpacking checks every type, so what comes out is what its class says. Raise `PROTOCOL` on any change here.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

PROTOCOL = 3
"""Version of everything in this file. Worker and client must have the same."""

UPLOADED = "upload:"
"""A path that starts with this names a file that was uploaded, by its SHA-256 in hex."""

BATCH, NORMAL, CLICK = 0, 5, 10
"""Priorities: the higher goes first; of equal ones the older."""

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
FINISHED = (DONE, FAILED, CANCELLED)

OK, REFUSED = "ok", "refused"
"""First item of every answer; the second is the packed value, or the reason in one line."""

M = TypeVar("M", bound="Message")


class ProtocolError(ValueError):
    """A message is not what its class says: expected and came are in the text."""


@dataclass(frozen=True)
class Message:
    """Base of all that crosses the wire."""

    def pack(self) -> tuple[Any, ...]:
        """Plain values, nested: None, bool, int, float, str, bytes, tuple."""
        return tuple(_plain(getattr(self, name)) for name in self.__dataclass_fields__)

    @classmethod
    def unpack(cls: type[M], values: object) -> M:
        """Raises ProtocolError."""
        readers = _readers(cls)  # type: ignore[arg-type]  # mypy takes a bound type for unhashable
        if type(values) is not tuple or len(values) != len(readers):
            came = f"{len(values)} values" if isinstance(values, tuple) else type(values).__name__
            raise ProtocolError(f"{cls.__name__}: expected a tuple of {len(readers)} values, got {came}")
        found = [reader(value) for (_, _, reader), value in zip(readers, values, strict=True)]
        for (name, hint, _), one, came in zip(readers, found, values, strict=True):
            if one is _MISFIT:
                raise ProtocolError(f"{cls.__name__}.{name}: expected {_named(hint)}, got {came!r:.60}")
        return cls(*found)


@dataclass(frozen=True)
class Hello(Message):
    """What the worker is and can do."""

    protocol: int
    version: str
    """Of the program."""
    instance: str
    """Changes with every start of the worker; numbers of events hold for one instance."""
    device: str
    """`cpu`, a GPU's name, or `not loaded`."""
    model: str
    model_sha256: str
    emotions: tuple[str, ...]
    voices: tuple[str, ...]
    """Names of the model's presets."""
    local: bool
    """The client is on the worker's machine: paths need no upload, results can be read where they lie."""
    chunk_bytes: int
    """Longest piece of a file in one message."""
    upload_bytes: int
    """Longest file that may be uploaded."""
    queued_jobs: int
    """Most jobs that may wait."""


@dataclass(frozen=True)
class ClipRequest(Message):
    """What to dub and how. The dubbing options mean what `imagintalk dub` says; None: the model's own."""

    path: str
    """Of the clip on the worker's machine, or `upload:` and the SHA-256 of an uploaded file."""
    start_s: float = 0.0
    end_s: float | None = None
    emotion: str = "auto"
    intensity: float = 1.0
    voice: str = "auto"
    """`auto`, a preset's name, or a recording, named like the clip."""
    face: int | None = None
    seed: int = 0
    takes: int = 1
    steps: int | None = None
    sampler: str | None = None
    guidance: float | tuple[tuple[str, float], ...] | None = None
    """One weight, or pairs of condition and weight."""
    threshold: float | None = None
    priority: int = NORMAL
    key: str = ""
    """Of the client's choosing: a second request with the same key is the same job. Empty: every request is a job."""
    times: tuple[tuple[float, float], ...] = ()
    """What an editor shows of the file (sped up, reversed, held): pairs of seconds on the timeline from the strip's
    first shown frame, which increase from 0, and seconds in the file; linear between. The speech lasts until the last
    pair. Empty: the range start_s to end_s as it is."""
    emotions: tuple[tuple[float, str, float], ...] = ()
    """Keys of an emotion track, linear between: seconds as the first of `times`, emotion, intensity. Empty: `emotion`
    and `intensity` throughout."""
    # New fields come last: the journal may hold requests of older programs, which lack them.


@dataclass(frozen=True)
class Job(Message):
    """A job as it stands. Times are seconds since 1970, UTC."""

    id: int
    state: str
    stage: str
    fraction: float
    """0..1 of the running job."""
    seconds_left: float | None
    """Estimated; None: not known."""
    reason: str
    """Why it failed, in words."""
    notes: tuple[str, ...]
    """What the user should know of how it went, such as that it ran on the CPU."""
    clip: str
    priority: int
    takes: int
    created_s: float
    started_s: float | None
    finished_s: float | None
    cached: bool
    """Answered from an earlier result."""


@dataclass(frozen=True)
class Event(Message):
    """Something happened to a job."""

    number: int
    """Counts up within one instance of the worker."""
    job: Job


@dataclass(frozen=True)
class Events(Message):
    """Answer to a long poll."""

    instance: str
    last: int
    """Give it back as `since` to hear what follows."""
    missed: bool
    """Some events were older than what the worker keeps: ask for `jobs` once."""
    events: tuple[Event, ...]
    """In order, of each job the last one."""


@dataclass(frozen=True)
class ResultFile(Message):
    """One file of a result."""

    name: str
    path: str
    """On the worker's machine."""
    bytes: int
    sha256: str
    seed: int | None
    """Of a take; None: the report."""


@dataclass(frozen=True)
class Result(Message):
    """What a finished job made."""

    job: int
    takes: tuple[ResultFile, ...]
    report: ResultFile | None
    """JSON, as `imagintalk dub --report` writes it."""
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    """That the pipeline took, without the worker around it."""


@dataclass(frozen=True)
class Face(Message):
    """A person in the picture."""

    index: int
    """As `ClipRequest.face` wants it."""
    left: float
    """Edges of the median box in pixels of the upright picture."""
    top: float
    right: float
    bottom: float
    speaking: float
    """Mouth motion, face heights per second: the highest is the one that `auto` takes."""
    thumbnail: bytes
    """JPEG, 160 x 160 pixels."""


@dataclass(frozen=True)
class Status(Message):
    """The worker from outside."""

    version: str
    pid: int
    address: str
    uptime_s: float
    model: str
    device: str
    lanes: tuple[str, ...]
    """State of each process or actor that computes: `idle`, `running job 3`, `not loaded`..."""
    queued: int
    running: int
    counts: tuple[tuple[str, int], ...]
    """Since this start, by what happened: submitted, done, failed, cancelled, cached, crashes..."""
    connections: int
    cache_bytes: int
    cache_limit_bytes: int
    memory_bytes: int
    """Resident, of the parent process."""
    gpu_used_bytes: int
    """Of the GPUs' memory, whoever uses it; 0 where the model is not loaded or works on the CPU."""
    gpu_bytes: int
    """Memory that these GPUs have."""


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return value.pack()
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)


_MISFIT = object()
"""What a reader gives for a value that is not of its type."""


@cache
def _readers(cls: Any) -> tuple[tuple[str, Any, Callable[[Any], Any]], ...]:
    """Name, type and reader of each field; made once, because answers may hold hundreds of messages."""
    known = get_type_hints(cls)
    return tuple((field.name, known[field.name], _reader(known[field.name])) for field in fields(cls))


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Gives a value as `hint` wants it, or _MISFIT."""
    if get_origin(hint) not in (Union, types.UnionType):
        return _reader_of_one(hint)
    readers = [_reader_of_one(option) for option in get_args(hint)]

    def read(value: Any) -> Any:
        found = (reader(value) for reader in readers)
        return next((one for one in found if one is not _MISFIT), _MISFIT)

    return read


def _reader_of_one(hint: Any) -> Callable[[Any], Any]:
    if get_origin(hint) is tuple:
        return _reader_of_tuple(get_args(hint))
    if issubclass(hint, Message):
        return lambda value: hint.unpack(value) if type(value) is tuple else _MISFIT
    if hint is float:
        return _read_float
    return lambda value: value if type(value) is hint else _MISFIT  # exactly: a bool is no int here


def _read_float(value: Any) -> Any:
    if type(value) is int and abs(value) < 2**63:
        return float(value)
    return value if type(value) is float else _MISFIT


def _reader_of_tuple(hints: tuple[Any, ...]) -> Callable[[Any], Any]:
    many = hints[-1] is Ellipsis
    readers = [_reader(hint) for hint in (hints[:1] if many else hints)]

    def read(value: Any) -> Any:
        if type(value) is not tuple or not (many or len(value) == len(readers)):
            return _MISFIT
        each = readers * len(value) if many else readers
        items = tuple(reader(item) for reader, item in zip(each, value, strict=True))
        return _MISFIT if _MISFIT in items else items

    return read
