"""`imagintalk worker start`: in the foreground, or detached."""

from __future__ import annotations

import argparse
import math
import os
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
from .security import is_loopback
from .settings import PIPELINE, SERVER_END, Backend, Limits, Settings, default_certificates, default_state

_START_S = 60.0
STARTED_ERROR = "start.log"


def start(args: argparse.Namespace) -> int:
    """Raises WorkerError, OptionError, WeightsError."""
    settings = _settings(args)
    if args.background:
        return _start_detached(args, settings.state)
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
        print(f"the worker listens on {worker.status().address}; Ctrl-C stops it")
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
    if not 0 < args.idle < math.inf:
        raise OptionError(f"idle {args.idle:g}: expected a number of minutes above 0")
    if not 0 < args.cache < 1e6:
        raise OptionError(f"cache {args.cache:g}: expected a number of GB above 0")
    return Settings(
        backend=Backend(PIPELINE, (args.model or "", args.device)),
        state=args.state or default_state(),
        model=args.model,
        host=host,
        port=port,
        certificates=args.certificates or (None if is_loopback(host) else _usual_certificates()),
        roots=tuple(args.root),
        cluster=args.cluster,
        idle_unload_s=60 * args.idle,
        limits=Limits(cache_bytes=round(args.cache * 2**30)),
    )


def _usual_certificates() -> Path | None:
    folder = default_certificates() / SERVER_END
    return folder if folder.is_dir() else None


def words_of(args: argparse.Namespace) -> list[str]:
    """The command that starts the same worker in the foreground."""
    words = ["worker", "start", "--listen", args.listen, "--idle", str(args.idle), "--cache", str(args.cache)]
    words += ["--device", args.device]
    for name in ("state", "certificates", "model", "cluster"):
        value = getattr(args, name)
        words += [] if value is None else [f"--{name}", str(value)]
    return words + [word for root in args.root for word in ("--root", str(root))]


def _start_detached(args: argparse.Namespace, state: Path) -> int:
    """The same command without --background in a session of its own; back when it answers."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = Address.of_state(state)
    words = state / f".start-{os.getpid()}.log"  # not yet under its name: that of a worker which runs may lie there
    with words.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "imagintalk", *words_of(args)],  # -P: not what lies in the current folder
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if child.poll() is not None:
            said = words.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            words.unlink()
            raise WorkerError(said[-1].removeprefix("imagintalk: ") if said else "it ended at once and said nothing")
        address = Address.of_state(state)
        if address is not None and address != old:
            with suppress(ClientError), Client(address) as client:
                at = client.status().address
                words.replace(state / STARTED_ERROR)
                print(f"the worker listens on {at}, process {child.pid}")
                return 0
        time.sleep(0.05)
    child.terminate()
    raise WorkerError(f"the worker did not answer within {_START_S:g} s; see {words} and {state / LOG_FILE}")
