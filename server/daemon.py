"""`imagintalk worker start`: in the foreground, or detached."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from imagintalk.errors import OptionError, WorkerError

from .address import Address
from .client import Client, ClientError
from .logs import LOG_FILE, set_up_logs
from .settings import PIPELINE, Backend, Limits, Settings, default_state

_START_S = 60.0
STARTED_ERROR = "start.log"


def start(args: argparse.Namespace) -> int:
    """Raises WorkerError, OptionError, WeightsError."""
    settings = _settings(args)
    if args.background:
        return _start_detached(settings.state)
    run(settings, screen=sys.stderr.isatty())
    return 0


def run(settings: Settings, screen: bool) -> None:
    """Serve until a signal or a client says stop. screen: the log goes to standard error too.

    Raises WorkerError: it cannot start, or had to stop because its journal cannot be written.
    """
    from .worker import Worker  # slow to import

    settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    worker = Worker(settings)
    set_up_logs(settings.state, screen)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: worker.ask_to_stop())
    worker.start()
    if sys.stdout.isatty():
        print(f"the worker listens on {worker.address.host}:{worker.address.port}; Ctrl-C stops it")
    worker.wait()
    worker.stop()
    if worker.failure:
        raise WorkerError(worker.failure)


def host_and_port(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `[V6]:PORT`. Raises OptionError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise OptionError(f"{text!r}: expected HOST:PORT")
    return host.strip("[]"), int(port)


def _settings(args: argparse.Namespace) -> Settings:
    host, port = host_and_port(args.listen)
    if not 0 < args.cache < 1e6:
        raise OptionError(f"cache {args.cache:g}: expected a number of GB above 0")
    return Settings(
        backend=Backend(PIPELINE, (args.model or "", args.device)),
        state=args.state or default_state(),
        model=args.model,
        host=host,
        port=port,
        certificates=args.certificates,
        roots=tuple(args.root),
        cluster=args.cluster,
        idle_unload_s=60 * args.idle,
        limits=Limits(cache_bytes=round(args.cache * 2**30)),
    )


def _start_detached(state: Path) -> int:
    """The same command without --background in a session of its own; back when it answers."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = Address.of_state(state)
    words = state / STARTED_ERROR
    again = [word for word in sys.argv[1:] if word != "--background"]
    with words.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "imagintalk", *again],  # -P: not what lies in the current folder
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if child.poll() is not None:
            said = words.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise WorkerError(said[-1].removeprefix("imagintalk: ") if said else f"it ended at once; see {words}")
        address = Address.of_state(state)
        if address is not None and address != old:
            with suppress(ClientError), Client(address) as client:
                client.hello()
                print(f"the worker listens on {address.host}:{address.port}, process {child.pid}")
                return 0
        time.sleep(0.05)
    child.terminate()
    raise WorkerError(f"the worker did not answer within {_START_S:g} s; see {words} and {state / LOG_FILE}")
