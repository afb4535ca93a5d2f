"""RPyC's server and connection, cut down to what is used and held to bounds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from rpyc.core import brine, consts
from rpyc.core.protocol import Connection
from rpyc.core.service import Service
from rpyc.utils.authenticators import AuthenticationError
from rpyc.utils.server import Server

from .logs import fault, note, warn
from .security import Doorkeeper
from .settings import Limits
from .wire import BoundedChannel, BoundedStream

_FLOOD_S = 5.0
"""Over which the rate of calls is counted."""

CONFIG = {
    "allow_safe_attrs": False,
    "allow_exposed_attrs": True,
    "allow_public_attrs": False,
    "allow_all_attrs": False,
    "allow_getattr": True,
    "allow_setattr": False,
    "allow_delattr": False,
    "allow_pickle": False,
    "include_local_traceback": False,
    "include_local_version": False,
    "import_custom_exceptions": False,
    "instantiate_custom_exceptions": False,
    "log_exceptions": False,
}
"""RPyC's protocol: exposed names only, no pickle, nothing told of our insides."""


class ValuesOnly(Connection):
    """RPyC's protocol, of which only calls of the service's exposed methods with plain values are left.

    RPyC itself would let a client walk any object that it gets hold of, and make the worker call back into the client.
    """

    @classmethod
    def _request_handlers(cls) -> dict[int, Any]:
        every = super()._request_handlers()
        used = (consts.HANDLE_PING, consts.HANDLE_CLOSE, consts.HANDLE_GETROOT, consts.HANDLE_INSPECT)
        return {handler: every[handler] for handler in (*used, consts.HANDLE_CALLATTR, consts.HANDLE_DEL)}

    def _unbox(self, package: Any) -> Any:
        label, value = package
        if label == consts.LABEL_VALUE:
            return value
        if label == consts.LABEL_TUPLE:
            return tuple(self._unbox(item) for item in value)
        if label == consts.LABEL_LOCAL_REF:
            return self._local_objects[value]  # the service, which is all that was ever handed out
        raise ValueError("expected plain values")

    def _box(self, obj: Any) -> Any:
        if brine.dumpable(obj) or obj is self._local_root:
            return super()._box(obj)
        raise TypeError("only plain values leave the worker")

    def _dispatch(self, data: bytes) -> None:
        if data[:1] != brine.I1.pack(consts.MSG_REQUEST):
            raise ValueError("expected a request; the worker asks nothing of its clients")
        super()._dispatch(data)

    def close(self) -> None:
        if not self._closed:  # without telling the client, who might never answer
            self._cleanup()


class Listener(Server):
    """A thread for each connection, and a bounded number of them."""

    def __init__(
        self, welcome: Callable[[str], Service], host: str, port: int, doorkeeper: Doorkeeper, limits: Limits
    ) -> None:
        """welcome: gives the service of one connection from a peer's address. Raises OSError: cannot listen there."""
        super().__init__(
            Service, host, ":" in host, port, authenticator=doorkeeper, protocol_config=dict(CONFIG), logger=_Quiet()
        )
        self._welcome, self._limits = welcome, limits
        self._strangers: OrderedDict[socket.socket, socket.socket] = OrderedDict()
        """Each with a second handle to hang up by: TLS takes the socket itself out of our hands."""
        self._guests = 0
        self._lock = threading.Lock()
        self.dropped = 0

    @property
    def connections(self) -> int:
        """Open, with the token shown."""
        return self._guests

    def open(self) -> None:
        """Listen; `start` then takes the connections."""
        self._listen()

    def accept(self) -> None:
        """Take one connection; trouble with it, or too many open files, ends no listening."""
        try:
            sock, _ = self.listener.accept()
        except TimeoutError:
            return
        except OSError as error:
            if self.active:
                warn("accept", reason=str(error))
                time.sleep(0.05)
            return
        self.clients.add(sock)
        try:
            self._accept_method(sock)
        except OSError as error:  # no second handle for it
            warn("accept", reason=str(error))
            self._leave(sock)

    def _accept_method(self, sock: socket.socket) -> None:
        with self._lock:
            self._strangers[sock] = sock.dup()
            if len(self._strangers) > self._limits.strangers:
                _, oldest = self._strangers.popitem(last=False)
                _shut(oldest)  # its thread finds out and tidies up
                oldest.close()
        try:
            threading.Thread(target=self._authenticate_and_serve_client, args=(sock,), daemon=True).start()
        except RuntimeError:  # no more threads
            self._leave(sock)

    def _authenticate_and_serve_client(self, sock: socket.socket) -> None:
        guest = None
        try:
            peer = sock.getpeername()[0]
            try:
                guarded, _ = self.authenticator(sock)
            except AuthenticationError as error:
                self._drop(peer, str(error))
                return
            self._no_stranger(sock)
            with self._lock:
                if self._guests >= self._limits.connections:
                    self._drop(peer, "too many connections")
                    _shut(guarded)
                    guarded.close()
                    return
                self._guests += 1
            guest = guarded
            self.clients.discard(sock)
            self.clients.add(guarded)
            self._serve_guest(guarded, peer)
        except OSError:
            pass  # it went away before we looked
        except Exception:  # noqa: BLE001 - one client's trouble is nobody else's
            fault("connection")
        finally:
            if guest is not None:
                with self._lock:
                    self._guests -= 1
                self._leave(guest)
            self._leave(sock)

    def _no_stranger(self, sock: socket.socket) -> None:
        with self._lock:
            handle = self._strangers.pop(sock, None)
            if handle is not None:
                handle.close()

    def _leave(self, sock: socket.socket) -> None:
        self._no_stranger(sock)
        self.clients.discard(sock)
        _shut(sock)
        sock.close()

    def _serve_guest(self, sock: Any, peer: str) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = BoundedStream(sock, self._limits.idle_s, self._limits.stall_s)
        channel = BoundedChannel(stream, self._limits.message_bytes)
        config = dict(self.protocol_config, endpoints=(sock.getsockname(), sock.getpeername()))
        connection = self._welcome(peer)._connect(channel, config)
        note("connected", peer=peer)
        began, calls = time.monotonic(), 0
        try:
            while not connection.closed:
                connection.serve(None)
                calls += 1
                now = time.monotonic()
                if calls > self._limits.calls_per_s * _FLOOD_S:
                    raise EOFError(f"more than {self._limits.calls_per_s:g} calls a second")
                if now - began > _FLOOD_S:
                    began, calls = now, 0
        except EOFError as error:
            if "closed by peer" not in str(error) and "has been closed" not in str(error):
                self._drop(peer, str(error))
        except Exception as error:  # noqa: BLE001 - rubbish raises of every kind
            self._drop(peer, f"rubbish: {type(error).__name__}: {error}"[:200])
        finally:
            with contextlib.suppress(Exception):
                connection.close()
            note("disconnected", peer=peer)

    def _drop(self, peer: str, reason: str) -> None:
        if not self.active:
            return  # the worker hangs up itself
        self.dropped += 1
        warn("dropped", peer=peer, reason=reason)


def _shut(sock: Any) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Quiet:
    """RPyC's own log lines say nothing that ours do not."""

    def debug(self, *words: object, **more: object) -> None:
        """Nothing; so are the others."""

    info = warning = warn = error = exception = debug
