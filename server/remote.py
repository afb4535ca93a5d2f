"""Files on their way to the worker and back: named where both are on one machine, carried where not."""

from __future__ import annotations

import hashlib
from pathlib import Path

from imagintalk.errors import ClipError, WorkerError

from .client import Client
from .protocol import Hello, ResultFile


def name_file(client: Client, hello: Hello, path: Path) -> str:
    """How a request names this file; uploads it first where the worker is elsewhere. Raises ClipError."""
    try:
        found = path.resolve(strict=True)
        return str(found) if hello.local else client.upload(found)
    except OSError as error:
        raise ClipError(f"{path}: cannot be read ({error.strerror}); expected a file") from None


def name_voice(client: Client, hello: Hello, voice: str) -> str:
    """A preset's name stays; a recording becomes a file's name. Raises ClipError."""
    return voice if voice in hello.voices else name_file(client, hello, Path(voice))


def fetch(client: Client, hello: Hello, job: int, file: ResultFile, to: Path) -> None:
    """A file of a result, as `to`, with its checksum compared. Raises WorkerError."""
    try:
        if not hello.local:
            client.download(job, file, to)
            return
        content = Path(file.path).read_bytes()
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise WorkerError(f"{file.path}: is damaged; forget job {job} and submit the clip again")
        to.write_bytes(content)
    except OSError as error:
        raise WorkerError(f"{file.name} of job {job} cannot be brought here ({error.strerror})") from None
