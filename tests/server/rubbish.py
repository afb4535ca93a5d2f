"""Clients that mean no good: each makes one connection and does one bad thing. For the tests and the benchmark."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from rpyc.core import brine, consts

from imagintalk_server.address import Address
from imagintalk_server.wire import OPENING_BYTES, opening

ATTACKS = ("raw", "half open", "wrong token", "token then raw", "frame", "request", "huge", "replay")

attacks = st.tuples(st.sampled_from(ATTACKS), st.binary(max_size=300))


def frame(data: bytes, length: int | None = None, compressed: int = 0) -> bytes:
    """RPyC's framing, which may lie about the length."""
    return struct.pack("!LB", len(data) if length is None else length, compressed) + data + b"\n"


def replay(address: Address) -> bytes:
    """What a client sends to say hello, as somebody might have recorded it."""
    root = brine.I1.pack(consts.MSG_REQUEST) + brine.dump((0, (consts.HANDLE_GETROOT, (consts.LABEL_TUPLE, ()))))
    return opening(address.token) + frame(root)


def attack(address: Address, kind: str, data: bytes) -> bytes:
    """Do one bad thing; what the worker answered to it."""
    good = opening(address.token)
    request = brine.I1.pack(consts.MSG_REQUEST)
    sent: dict[str, Callable[[], bytes]] = {
        "raw": lambda: data,
        "half open": lambda: good[: len(data) % OPENING_BYTES],
        "wrong token": lambda: opening("0" * 64) + data,
        "token then raw": lambda: good + data,
        "frame": lambda: good + frame(data),
        "request": lambda: good + frame(request + data),
        "huge": lambda: good + frame(data, length=2**32 - 1, compressed=len(data) % 2),
        "replay": lambda: replay(address) * 2,
    }
    with socket.create_connection((address.host, address.port), timeout=5) as sock, contextlib.suppress(OSError):
        sock.sendall(sent[kind]())
        if kind != "half open" or len(data) % 2:
            sock.shutdown(socket.SHUT_WR)
            return _all_of(sock)
    return b""


def _all_of(sock: socket.socket) -> bytes:
    came = b""
    while part := sock.recv(65_536):
        came += part
    return came


def open_files() -> int:
    """Of this process."""
    return len(list(Path("/dev/fd").iterdir())) if os.path.isdir("/dev/fd") else 0
