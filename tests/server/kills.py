"""kill -9 at random moments, seeded, and what came of it: for the tests and, at full size, for the benchmark."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from served import Served, ask

from imagintalk_server.client import Client, ClientError
from imagintalk_server.protocol import DONE, FINISHED

WAITING = 6
"""Jobs that there are at any time."""


@dataclass(frozen=True)
class Told:
    """Counts over all kills."""

    kills: int
    jobs: int
    done: int
    failed: int
    """By a kill of the child: it costs the one job, as it should."""
    lost: int
    """Jobs that were taken and are not in the journal, or that were done and whose take is not as it was."""
    doubled: int
    """Submissions under one key that became two jobs."""
    left: int
    """Jobs that were not finished in the end."""


def kill_at_random(folder: Path, kills: int, seed: int) -> Told:
    """Keep a worker busy and kill it, its child, or both, `kills` times, each within half a second of work."""
    chance = random.Random(seed)
    clips = [folder / f"clip-{number}.mp4" for number in range(50)]
    for number, clip in enumerate(clips):
        clip.write_bytes(f"pictures {number}".encode())
    taken: dict[str, int] = {}
    done: dict[int, str] = {}
    lost = doubled = number = 0
    served = Served(folder / "state")
    for _ in range(kills):
        until = time.monotonic() + chance.random() * 0.5
        with Client(served.address) as client, contextlib.suppress(ClientError):
            while time.monotonic() < until:
                if len(client.jobs(100, ("queued", "running"))) < WAITING:
                    number += 1
                    key = f"request {number}"
                    wanted = ask(clips[number % 50], "slow", seed=number, steps=chance.randint(1, 6), key=key)
                    taken[key] = client.submit(wanted)
                    doubled += client.submit(wanted) != taken[key]
                done |= {job.id: "" for job in client.jobs(20, (DONE,)) if job.id not in done}
        lost += _check_takes(served.state, taken, done)
        served = _kill(served, chance.choice(("child", "parent", "both")))
        lost += _check_takes(served.state, taken, done)
    with Client(served.address) as client:
        last = client.wait_all(list(taken.values()))
    served.kill()
    lost += _check_takes(served.state, taken, done)
    states = [job.state for job in last]
    left = sum(1 for state in states if state not in FINISHED)
    return Told(kills, len(taken), states.count(DONE), states.count("failed"), lost, doubled, left)


def _kill(served: Served, whom: str) -> Served:
    """Gone when this returns; a worker that answers takes its place."""
    children = psutil.Process(served.process.pid).children()
    if whom != "parent":
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
    if whom == "child":
        psutil.wait_procs(children, timeout=5)
        return served
    served.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    if alive:
        raise AssertionError(f"children outlive the worker: {alive}")
    return Served(served.state)


def _check_takes(state: Path, taken: dict[str, int], done: dict[int, str]) -> int:
    """How many jobs are missing in the journal, or were done and have lost or changed their take."""
    with sqlite3.connect(state / "journal.sqlite") as journal:
        rows = {
            job: (found, content, seed)
            for job, found, content, seed in journal.execute("SELECT id, state, content, request FROM jobs")
        }
    lost = len(set(taken.values()) - rows.keys())
    for job in done:
        found, content, request = rows.get(job, ("", "", ""))
        take = state / "results" / content / "take_1.wav"
        digest = hashlib.sha256(take.read_bytes()).hexdigest() if found == DONE and take.is_file() else "gone"
        done[job] = done[job] or digest
        lost += digest == "gone" or digest != done[job]
    return lost
