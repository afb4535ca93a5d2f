"""The child process: owns torch and the GPU, does what the parent says over a socket, dies with it.

python -m imagintalk_server.child DESCRIPTOR LOADER [ARGUMENT...]
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rpyc.core import brine

from .session import Session
from .settings import Backend

MESSAGE_BYTES = 16 << 20
_NICE = 5
"""The parent must answer while the pipeline fills every core."""


def main(descriptor: int, backend: Backend) -> None:
    """Serve until the parent closes the socket, then die at once, whatever is running."""
    _be_polite()
    connection = Connection(descriptor)
    sending = threading.Lock()
    inbox: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def emit(message: tuple[Any, ...]) -> None:
        with sending:
            connection.send_bytes(brine.dump(message))

    session = Session(backend, emit)

    def listen() -> None:
        try:
            while True:
                message = brine.load(connection.recv_bytes(MESSAGE_BYTES))
                if message[0] == "cancel":
                    session.cancel(message[1])
                else:
                    inbox.put(message)
        except (EOFError, OSError):
            _end()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        session.handle(inbox.get())


def _end() -> None:
    """The parent is gone: nobody wants what is being made, nor what was started for it."""
    if os.getpgrp() == os.getpid():  # as the parent starts us; never somebody else's group
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _be_polite() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.nice(_NICE)
    with suppress(OSError):  # Linux: let the kernel, when out of memory, end the child and not the parent
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


if __name__ == "__main__":
    main(int(sys.argv[1]), Backend(sys.argv[2], tuple(sys.argv[3:])))
