"""What is asked of the worker, on a lane's thread. The answers are news."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .link import Link, Put
from .news import (
    FacesFound,
    Fetched,
    Forgotten,
    JobNews,
    Recalled,
    Refused,
    Submitted,
    TakeFile,
    Trouble,
    Unsent,
)
from .sound_file import Finish, finish_wav
from .worker_api import Client, ClientError, ClipRequest, Hello, ResultFile, Unreachable

_AT_ONCE = 50
"""Requests in one message."""


def submit(link: Link, requests: Sequence[ClipRequest]) -> None:
    """Submitted, Unsent or Refused for each. A request that went twice is one job, by its key."""

    def errand(client: Client, hello: Hello) -> None:
        ready = []
        for request in requests:
            try:
                ready.append(_carried(client, hello, request))
            except Unreachable:
                link.tell(Unsent(request.key))
            except (ClientError, OSError) as error:
                link.tell(Refused(request.key, _words(error)))
        for first in range(0, len(ready), _AT_ONCE):
            _submit_some(client, ready[first : first + _AT_ONCE], link.tell)

    def failed(error: ClientError) -> None:
        for request in requests:
            link.tell(Unsent(request.key) if isinstance(error, Unreachable) else Refused(request.key, str(error)))

    link.long.do(errand, failed)


def _submit_some(client: Client, requests: Sequence[ClipRequest], put: Put) -> None:
    try:
        jobs = client.jobs_by_id(client.submit_batch(requests))
    except Unreachable:
        for request in requests:
            put(Unsent(request.key))
    except ClientError as error:
        if len(requests) == 1:
            put(Refused(requests[0].key, str(error)))
        else:  # a batch is taken whole or not at all: find those that are at fault
            for request in requests:
                _submit_some(client, [request], put)
    else:
        for request, job in zip(requests, jobs, strict=True):
            put(Submitted(request.key, job))


def _carried(client: Client, hello: Hello, request: ClipRequest) -> ClipRequest:
    """With its files uploaded where the worker is elsewhere. Raises ClientError, OSError."""
    if hello.local:
        return request
    voice = request.voice
    if os.path.isabs(voice):
        voice = client.upload(Path(voice))
    return replace(request, path=client.upload(Path(request.path)), voice=voice)


def jobs(link: Link, numbers: Sequence[int]) -> None:
    """JobNews or Forgotten for each."""

    def errand(client: Client, hello: Hello) -> None:
        try:
            for job in client.jobs_by_id(numbers):
                link.tell(JobNews(job))
        except Unreachable:
            raise
        except ClientError:  # some are not known
            for number in numbers:
                try:
                    link.tell(JobNews(client.job(number)))
                except Unreachable:
                    raise
                except ClientError:
                    link.tell(Forgotten(number))

    link.quick.do(errand, lambda error: None)  # it is asked again when a worker answers


def cancel(link: Link, worker: str, numbers: Sequence[int]) -> None:
    """Recalled for each that the worker could be told of. worker: that gave the numbers."""

    def errand(client: Client, hello: Hello) -> None:
        for number in numbers:
            try:
                client.cancel(number)
            except Unreachable:
                raise
            except ClientError:  # it is not known there any more
                pass
            link.tell(Recalled(number, worker))

    link.quick.do(errand, lambda error: None)  # it is told when a worker answers


def shut_down(link: Link) -> None:
    link.quick.do(lambda client, hello: client.shutdown(), lambda error: link.tell(Trouble(str(error))))


def faces(link: Link, source: str, path: str, start_s: float, end_s: float | None) -> None:
    """FacesFound. source: id of the strip. start_s, end_s: of the file."""

    def errand(client: Client, hello: Hello) -> None:
        try:
            there = path if hello.local else client.upload(Path(path))
            link.tell(FacesFound(source, tuple(client.faces(there, start_s, end_s)), ""))
        except OSError as error:
            raise ClientError(_words(error)) from None

    link.faces.do(errand, lambda error: link.tell(FacesFound(source, (), str(error))))


@dataclass(frozen=True)
class Destination:
    """Where takes go and what is done to them on the way."""

    folder: Path
    stem: Callable[[int], str]
    """File name without number and suffix, of the take with that seed."""
    finish: Finish


def fetch(link: Link, key: str, job: int, to: Destination) -> None:
    """Fetched, Unsent (the worker went away) or Refused. A file appears whole or not at all, and replaces none."""

    def errand(client: Client, hello: Hello) -> None:
        try:
            result = client.result(job)
            to.folder.mkdir(parents=True, exist_ok=True)
            takes = tuple(TakeFile(str(_bring(client, hello, job, take, to)), take.seed or 0) for take in result.takes)
            link.tell(Fetched(key, takes, (*result.warnings, *result.notes), hello.model))
        except OSError as error:
            link.tell(
                Refused(key, f"the take cannot be written: {_words(error)}; make room there or choose another folder")
            )

    link.long.do(errand, _telling(link, key))


def _telling(link: Link, key: str) -> Callable[[ClientError], None]:
    return lambda error: link.tell(Unsent(key) if isinstance(error, Unreachable) else Refused(key, str(error)))


def _bring(client: Client, hello: Hello, job: int, file: ResultFile, to: Destination) -> Path:
    """Raises ClientError, OSError."""
    stem = to.stem(file.seed or 0)
    partial = to.folder / f".{stem}.{os.getpid()}.{job}.part"
    try:
        if hello.local:
            content = Path(file.path).read_bytes()
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise ClientError(f"{file.path} is damaged; forget job {job} and generate it again")
        else:
            client.download(job, file, partial)
            content = partial.read_bytes()
        partial.write_bytes(finish_wav(content, to.finish))
        return _settle(partial, to.folder, stem)
    finally:
        partial.unlink(missing_ok=True)


def _settle(partial: Path, folder: Path, stem: str) -> Path:
    """Give a file the first free name of its stem: stem.wav, stem_2.wav… Raises OSError."""
    number = 1
    while True:
        target = folder / (f"{stem}.wav" if number == 1 else f"{stem}_{number}.wav")
        try:
            os.link(partial, target)  # fails where the name is taken, so that no file is ever replaced
            return target
        except FileExistsError:
            number += 1
        except OSError:  # a file system without links
            if target.exists():
                number += 1
                continue
            os.rename(partial, target)
            return target


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
    return str(error)
