"""Where a worker is and what lets a client in. Standard library only: an editor loads this too."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from pathlib import Path

WORKER_FILE = "worker.json"
TOKEN_FILE = "token"


@dataclass(frozen=True)
class Address:
    """One worker, as a client reaches it."""

    host: str
    port: int
    token: str
    certificates: str | None = None
    """Folder with ca.pem, client.pem, client.key; None: no TLS, on this machine only."""
    pid: int | None = None
    """Of the worker, where it is on this machine."""

    @classmethod
    def of_state(cls, state: Path) -> Address | None:
        """The worker that runs, or ran, with this state folder; None: no worker has left its address there."""
        try:
            values = json.loads((state / WORKER_FILE).read_text(encoding="utf-8"))
            token = (state / TOKEN_FILE).read_text(encoding="ascii").strip()
            return cls(**values, token=token)
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def remote(cls, host: str, port: int, certificates: Path) -> Address:
        """A worker on another machine, with the folder that `imagintalk worker certificates` made for its clients.

        Raises OSError: the token is not in it.
        """
        token = (certificates / TOKEN_FILE).read_text(encoding="ascii").strip()
        return cls(host, port, token, str(certificates))

    def tls(self) -> ssl.SSLContext | None:
        """For the client's end; None: none is used. Raises OSError, ssl.SSLError."""
        if self.certificates is None:
            return None
        folder = Path(self.certificates)
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(folder / "ca.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(folder / "client.pem", folder / "client.key")
        return context
