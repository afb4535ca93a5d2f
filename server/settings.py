"""How a worker is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from imagintalk.errors import OptionError

LOOPBACK = "127.0.0.1"


def default_state() -> Path:
    """Where the worker keeps its journal, results, uploads, token and log."""
    return Path(platformdirs.user_state_dir("imagintalk")) / "worker"


def default_certificates() -> Path:
    """Where `imagintalk worker certificates` writes unless told otherwise, and where both ends look then."""
    return Path(platformdirs.user_config_dir("imagintalk")) / "certificates"


SERVER_END, CLIENT_END = "server", "client"
"""Folders in it for each end."""


@dataclass(frozen=True)
class Backend:
    """What a child process loads to do the work."""

    loader: str
    """`module:name` of what makes it: called with `argument`, gives a `session.Dubs`."""
    argument: tuple[str, ...] = ()


PIPELINE = f"{__package__}.dubber:Dubber"
"""Loads the model; its arguments are the model and the device."""
FACES = Backend(f"{__package__}.faces:FaceReader")
"""Finds faces; needs no model, so it runs beside the dubbing and never waits for it."""


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one client from hurting the others."""

    message_bytes: int = 2 << 20
    chunk_bytes: int = 1 << 20
    connections: int = 64
    strangers: int = 16
    """Connections that have not shown the token yet; one more, and the oldest of them goes."""
    calls_per_s: float = 2000.0
    """Of one connection, over five seconds."""
    queued_jobs: int = 10_000
    takes: int = 64
    upload_bytes: int = 8 << 30
    uploads_bytes: int = 32 << 30
    """Of all uploads together; the oldest goes."""
    cache_bytes: int = 4 << 30
    """Of all results together; the oldest goes."""
    finished_jobs: int = 20_000
    """Finished jobs that the journal remembers; the oldest goes."""
    idle_s: float = 120.0
    """Without a byte."""
    stall_s: float = 20.0
    """For the token, and for one message from its first byte to its last."""


@dataclass(frozen=True)
class Settings:
    """One worker. Raises OptionError for a value out of range."""

    backend: Backend
    faces: Backend = FACES
    state: Path = field(default_factory=default_state)
    model: str | None = None
    """Name or folder; None: the embedded one."""
    host: str = LOOPBACK
    port: int = 0
    """0: any that is free; `worker.json` in `state` tells which."""
    certificates: Path | None = None
    """Folder with ca.pem, server.pem, server.key: TLS, and clients must have a certificate of that CA."""
    roots: tuple[Path, ...] = ()
    """Folders from which clients on other machines may name files."""
    cluster: str | None = None
    """Ray address; None: this machine alone."""
    idle_unload_s: float = 600.0
    """After so long without work the model is unloaded."""
    silence_s: float = 300.0
    """A child that reports no progress for so long hangs."""
    memory_bytes: int | None = None
    """Most that a child may hold resident; None: nine tenths of the machine's."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65_536:
            raise OptionError(f"port {self.port}: expected 0 (any) to 65535")
        for name in ("idle_unload_s", "silence_s"):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} {getattr(self, name):g}: expected more than 0 seconds")
        for root in self.roots:
            if not root.is_dir():
                raise OptionError(f"{root}: expected a folder that clients may read clips from")
