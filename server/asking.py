"""The command line's way to the worker: finding it, and its refusals as the program's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagintalk.errors import OptionError, WorkerError
from imagintalk.provenance import program_version

from .address import Address
from .client import Client, ClientError
from .daemon import host_and_port
from .settings import CLIENT_END, default_certificates, default_state


@contextmanager
def asking(state: Path | None, remote: str | None = None, certificates: Path | None = None) -> Iterator[Client]:
    """A client of the worker on this machine, or of `remote`, HOST:PORT. Raises WorkerError for all that goes wrong."""
    with Client(find(state, remote, certificates), program_version()) as client:
        try:
            yield client
        except ClientError as error:
            raise WorkerError(str(error)) from None


def find(state: Path | None, remote: str | None, certificates: Path | None) -> Address:
    """Raises WorkerError: there is none, or the certificates are not there; OptionError."""
    if remote:
        folder = certificates or default_certificates() / CLIENT_END
        try:
            return Address.remote(*host_and_port(remote), folder)
        except OSError as error:
            raise WorkerError(
                f"{folder}: expected the client's folder that `imagintalk worker certificates` made"
                f" ({error.strerror}: {error.filename}); give it with --certificates"
            ) from None
    if certificates is not None:
        raise OptionError("--certificates: expected --worker HOST:PORT beside it, the worker that they are for")
    place = state or default_state()
    address = Address.of_state(place)
    if address is None:
        raise WorkerError(f"no worker runs in {place}; start one with `imagintalk worker start --background`")
    return address
