"""Who may speak to the worker: the token, TLS, and which files a client may name."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import os
import secrets
import socket
import ssl
import time
from pathlib import Path
from typing import Any

from rpyc.utils.authenticators import AuthenticationError

from imagintalk.errors import WorkerError

from .address import TOKEN_FILE
from .wire import OPENING_BYTES, TOKEN_BYTES, opening


def read_or_make_token(state: Path) -> str:
    """The token of this user's worker, 64 hex digits; made on first use, readable by its owner alone.

    Raises WorkerError: another user could read it, or it is damaged.
    """
    path = state / TOKEN_FILE
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        made = state / f".token.{secrets.token_hex(4)}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(TOKEN_BYTES))
        with contextlib.suppress(FileExistsError):  # somebody else was faster: theirs holds
            os.link(made, path)  # appears whole or not at all
        made.unlink()
    return _read_token(path)


def _read_token(path: Path) -> str:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise WorkerError(f"{path}: expected mode 600, got {mode:o}: others may have read it; remove it to get another")
    token = path.read_text(encoding="ascii", errors="replace").strip()
    if len(token) != 2 * TOKEN_BYTES or not all(digit in "0123456789abcdef" for digit in token):
        raise WorkerError(f"{path}: expected {2 * TOKEN_BYTES} hex digits; remove it to get another token")
    return token


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine. A name counts by all that it stands for."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def server_tls(folder: Path) -> ssl.SSLContext:
    """TLS 1.3 for the worker; clients must show a certificate of the folder's CA. Raises WorkerError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.load_verify_locations(folder / "ca.pem")
    except (OSError, ssl.SSLError) as error:
        raise WorkerError(
            f"{folder}: expected ca.pem, server.pem and server.key ({error}); make them with"
            " `imagintalk worker certificates`"
        ) from None
    return context


class Doorkeeper:
    """RPyC's authenticator: TLS where it is asked for, then the token, before any byte of an answer."""

    def __init__(self, token: str, tls: ssl.SSLContext | None, stall_s: float) -> None:
        """stall_s: seconds within which a client must have shown both."""
        self._expected, self._tls, self._stall_s = opening(token), tls, stall_s

    def __call__(self, sock: socket.socket) -> tuple[Any, None]:
        """The socket to go on with. Raises AuthenticationError."""
        until = time.monotonic() + self._stall_s
        guarded = sock
        try:
            sock.settimeout(self._stall_s)
            if self._tls is not None:
                guarded = self._tls.wrap_socket(sock, server_side=True)
            came = _read(guarded, OPENING_BYTES, until)
        except (OSError, ValueError) as error:
            guarded.close()
            raise AuthenticationError(f"no token came: {error}") from None
        if not hmac.compare_digest(came, self._expected):
            guarded.close()
            raise AuthenticationError("wrong token")
        return guarded, None


def _read(sock: socket.socket, count: int, until: float) -> bytes:
    came = b""
    while len(came) < count:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        sock.settimeout(left)
        part = sock.recv(count - len(came))
        if not part:
            raise OSError("closed")
        came += part
    return came


def allowed_file(path: str, roots: tuple[Path, ...], local: bool) -> Path:
    """The file that a client names, without links. Raises WorkerError: not there, or it may not name it.

    local: the client is on this machine and has this user's token, so it may read what the user may.
    """
    named = Path(path)
    if not local and not roots:
        raise WorkerError("this worker opens no files for other machines; upload the clip")
    if not named.is_absolute():
        raise WorkerError(f"{path}: expected an absolute path")
    try:
        found = named.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        found = None
    inside = local or (found is not None and any(found.is_relative_to(root.resolve()) for root in roots))
    if not inside:
        raise WorkerError(f"{path}: is outside of what the worker may open; upload the clip")
    if found is None or not found.is_file():
        raise WorkerError(f"{path}: no such file; expected a video file")
    return found
