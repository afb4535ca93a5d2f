"""`imagintalk worker stop|status|jobs|cancel|forget|logs`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil

from imagintalk.errors import WorkerError

from .asking import asking, find
from .logs import LOG_FILE
from .protocol import RUNNING, Job, Status
from .settings import default_state

_STOP_S = 30.0
_FOLLOW_S = 0.5


def stop(args: argparse.Namespace) -> int:
    """Back when the worker is gone. Raises WorkerError."""
    address = find(args.state, None, None)
    with asking(args.state) as client:
        client.shutdown()
    until = time.monotonic() + _STOP_S
    while address.pid is not None and _lives(address.pid):
        if time.monotonic() > until:
            raise WorkerError(f"the worker, process {address.pid}, did not stop within {_STOP_S:g} s")
        time.sleep(0.05)
    return 0


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def status(args: argparse.Namespace) -> int:
    """As a table, JSON or Prometheus text. Raises WorkerError."""
    with asking(args.state) as client:
        if args.prometheus:
            print(client.metrics(), end="")
            return 0
        found = client.status()
    if args.json:
        values = dataclasses.asdict(found) | {"counts": dict(found.counts)}
        print(json.dumps(values, indent=1))
    else:
        print("\n".join(f"{name:12} {value}" for name, value in _rows(found)))
    return 0


def _rows(found: Status) -> Iterator[tuple[str, str]]:
    yield "version", found.version
    yield "address", f"{found.address}, process {found.pid}"
    yield "up", f"{found.uptime_s / 60:.1f} min"
    yield "model", f"{found.model} on {found.device}"
    for lane in found.lanes:
        yield "lane", lane
    yield "jobs", f"{found.queued} queued, {found.running} running"
    yield "since start", ", ".join(f"{count} {what}" for what, count in found.counts) or "nothing"
    yield "connections", str(found.connections)
    yield "cache", f"{found.cache_bytes / 2**20:.1f} of {found.cache_limit_bytes / 2**20:.0f} MB"
    yield "memory", f"{found.memory_bytes / 2**20:.0f} MB without the model"
    if found.gpu_bytes:
        yield "GPU memory", f"{found.gpu_used_bytes / 2**30:.1f} of {found.gpu_bytes / 2**30:.1f} GB"


def jobs(args: argparse.Namespace) -> int:
    """The newest last, so that it stands above the prompt. Raises WorkerError."""
    with asking(args.state) as client:
        found = client.jobs(args.n)
    if args.json:
        print(json.dumps([dataclasses.asdict(job) for job in found], indent=1))
        return 0
    for job in reversed(found):
        print(f"{job.id:>6}  {_when(job)}  {_stands(job):24}  {job.clip}")
        for words in (*job.notes, job.reason):
            if words:
                print(f"{'':8}{words}")
    return 0


def _when(job: Job) -> str:
    return datetime.fromtimestamp(job.created_s).isoformat(sep=" ", timespec="seconds")


def _stands(job: Job) -> str:
    if job.state == RUNNING:
        left = "" if job.seconds_left is None else f", {job.seconds_left:.0f} s left"
        return f"{job.state} {job.fraction:.0%}{left}"
    return f"{job.state}{' (kept)' if job.cached else ''}"


def cancel(args: argparse.Namespace) -> int:
    """Raises WorkerError."""
    with asking(args.state) as client:
        client.cancel(args.job)
    return 0


def forget(args: argparse.Namespace) -> int:
    """Raises WorkerError."""
    with asking(args.state) as client:
        client.forget(args.job)
    return 0


def logs(args: argparse.Namespace) -> int:
    """Of a worker that runs or ran. Raises WorkerError."""
    path = (args.state or default_state()) / LOG_FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise WorkerError(f"{path}: no log ({error.strerror}); has a worker run here?") from None
    print("\n".join(lines[-args.n :] if args.n > 0 else []))
    for line in _follow(path) if args.follow else ():
        print(line, end="", flush=True)
    return 0


def _follow(path: Path) -> Iterator[str]:
    file = path.open(encoding="utf-8", errors="replace")
    file.seek(0, os.SEEK_END)
    while True:
        line = file.readline()
        if line:
            yield line
            continue
        time.sleep(_FOLLOW_S)
        if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:  # the log was rotated
            file.close()
            file = path.open(encoding="utf-8", errors="replace")
