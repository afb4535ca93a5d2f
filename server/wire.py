"""Bytes on the wire, for both ends: the opening with the token, and RPyC held to bounds. Needs rpyc only.

The opening is one block of fixed length, magic and token, before which the worker says nothing. After it comes RPyC's
own framing, through a stream that knows three bounds that RPyC has not: bytes of a message, seconds that a message may
take once begun, and seconds without one. Frames are never compressed, so none can unpack to more than it is.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream
from rpyc.lib import Timeout

TOKEN_BYTES = 32
MAGIC = b"IMAGINTALK "
OPENING_BYTES = len(MAGIC) + 2 * TOKEN_BYTES + 1


def opening(token: str) -> bytes:
    """The first bytes of a connection. token: 64 hex digits."""
    return MAGIC + token.encode("ascii") + b"\n"


class BoundedStream(SocketStream):
    """A socket, plain or TLS, whose silence and stalls end the connection.

    Takes what has come in one piece and gives it out of a buffer: a message costs one call of the system and not five.
    """

    __slots__ = ("_came", "_deadline", "_fresh", "_timeout_s", "idle_s", "stall_s")

    def __init__(self, sock: Any, idle_s: float | None, stall_s: float) -> None:
        """idle_s: longest wait for a message, None for ever. stall_s: longest time that one may take."""
        super().__init__(sock)
        self.idle_s, self.stall_s = idle_s, stall_s
        self._came = bytearray()
        self._deadline, self._fresh = 0.0, True
        self._timeout_s = -1.0
        self._wait_at_most(stall_s)

    def poll(self, timeout: Any) -> bool:
        """Whether a message begins within `timeout` (RPyC's Timeout or seconds). Raises EOFError after idle_s."""
        if self._came or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True  # taken, or decrypted, already: the socket itself may stay silent
        left = Timeout(timeout).timeleft()
        if self.idle_s is None or (left is not None and left < self.idle_s):
            return bool(super().poll(timeout))
        if not super().poll(self.idle_s):
            self.close()
            raise EOFError(f"nothing came for {self.idle_s:g} s")
        return True

    def begin(self) -> None:
        """A message starts: it has stall_s from now."""
        self._deadline, self._fresh = time.monotonic() + self.stall_s, True

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes. Raises EOFError: closed, or slower than stall_s allows."""
        while len(self._came) < count:
            self._take_more()
        found = bytes(self._came[:count])
        del self._came[:count]
        return found

    def _take_more(self) -> None:
        left = self._deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._wait_at_most(self.stall_s if self._fresh else left)
            self._fresh = False
            part = self.sock.recv(self.MAX_IO_CHUNK)
        except (OSError, ValueError) as error:
            slow = isinstance(error, TimeoutError)
            self.close()
            raise EOFError(f"a message took longer than {self.stall_s:g} s" if slow else str(error)) from None
        if not part:
            self.close()
            raise EOFError("connection closed by peer")
        self._came += part

    def write(self, data: bytes) -> None:
        """All of `data`. Raises EOFError: closed, or the other end does not read for stall_s."""
        try:
            self._wait_at_most(self.stall_s)
        except OSError as error:
            raise EOFError(str(error)) from None
        super().write(data)

    def _wait_at_most(self, seconds: float) -> None:
        if seconds != self._timeout_s:  # setting it is a call of the system
            self.sock.settimeout(seconds)
            self._timeout_s = seconds


class BoundedChannel(Channel):
    """RPyC's frames, uncompressed, none longer than a bound."""

    __slots__ = ("message_bytes",)

    def __init__(self, stream: BoundedStream, message_bytes: int) -> None:
        super().__init__(stream, compress=False)
        self.message_bytes = message_bytes

    def recv(self) -> bytes:
        """The next message. Raises EOFError after closing: it breaks a bound, or is no frame."""
        self.stream.begin()
        length, compressed = self.FRAME_HEADER.unpack(self.stream.read(self.FRAME_HEADER.size))
        if compressed or length > self.message_bytes:
            self.close()
            raise EOFError(
                f"expected an uncompressed message of at most {self.message_bytes} bytes, got one of {length} bytes"
            )
        data: bytes = self.stream.read(length + len(self.FLUSHER))
        if not data.endswith(self.FLUSHER):
            self.close()
            raise EOFError("expected the end of a frame")
        return data[: -len(self.FLUSHER)]

    def send(self, data: bytes) -> None:
        """Raises EOFError for a message that is too long, or when the connection is gone."""
        if len(data) > self.message_bytes:
            raise EOFError(f"message of {len(data)} bytes; expected at most {self.message_bytes}")
        super().send(data)
