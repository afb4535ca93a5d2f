"""Runs a program in a process of its own and tells its time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from imagintalk.errors import ImaginTalkError

_LAUNCHER = """
import json, os, resource, subprocess, sys
cpus = int(sys.argv[1])
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
done = subprocess.run(sys.argv[2:], capture_output=True, text=True)
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
print(json.dumps([done.returncode, peak, done.stdout, done.stderr]))
"""
"""A small process between us and the program: a program inherits the peak of whoever starts it, and ours is big."""


@dataclass(frozen=True)
class Run:
    """A program that ended well."""

    seconds: float
    peak_bytes: int
    """Largest resident memory of the program, or of the largest of its own subprocesses."""
    output: str


def run_alone(command: Sequence[str], cpus: int) -> Run:
    """Run `command` bound to `cpus` CPU cores (Linux; elsewhere only its threads are limited).

    Raises ImaginTalkError with the end of what the program complained about when it fails.
    """
    limits = {"OMP_NUM_THREADS": str(cpus), "MKL_NUM_THREADS": str(cpus)}
    start = time.perf_counter()
    launched = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, str(cpus), *command],
        capture_output=True,
        text=True,
        env=os.environ | limits,
        check=True,
    )
    seconds = time.perf_counter() - start
    code, peak, output, complaint = json.loads(launched.stdout)
    if code != 0:
        raise ImaginTalkError(
            f"{' '.join(command)}: expected it to end well, got exit code {code}: {complaint[-500:].strip()}"
        )
    return Run(seconds, peak, output)
