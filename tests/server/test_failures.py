"""Every way in which a pipeline can fail costs its one job, is told in words, and the queue goes on."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import psutil
import pytest
from served import Start, ask, child_of, lives, wait_for

from imagintalk_server.client import Client, ClientError
from imagintalk_server.protocol import CANCELLED, DONE, FAILED, RUNNING
from imagintalk_server.worker import Worker

SILENCE_S = 4.0
"""Must outlast the start of a process on a busy machine."""

SURVIVES = {"raises": "fault of the program: RuntimeError: the cat sat on the keyboard", "refuses": "no face"}
CRASHES = {
    "exits": "ended with exit code 3; it said: assertion failed: frame != NULL",
    "hangs": "it hung: no sign of life for 4 s",
    "eats_memory": "out of memory: it took",
    "lacks_memory": "out of memory",
    "speaks_rubbish": "sent rubbish",
}


@pytest.mark.parametrize("kind", [*SURVIVES, *CRASHES])
def test_a_failure_costs_one_job_and_says_why(start: Start, clip: Path, kind: str) -> None:
    worker = start(silence_s=SILENCE_S, memory_bytes=400 << 20)
    with Client(worker.address) as client:
        before = client.wait(client.submit(ask(clip, seed=1)))
        child = child_of(worker)
        bad, after = client.submit_batch([ask(clip, kind), ask(clip, seed=2)])
        job = client.wait(bad)
        assert (job.state, (SURVIVES | CRASHES)[kind] in job.reason) == (FAILED, True), job.reason
        assert client.wait(after).state == before.state == DONE
        assert (child_of(worker) == child) is (kind in SURVIVES)
        if kind in CRASHES:
            assert child is not None
            assert not psutil.pid_exists(child)
        assert client.status().lanes == ("local: idle",)


def test_rubbish_on_its_output_hurts_no_job(client: Client, worker: Worker, clip: Path) -> None:
    assert client.wait(client.submit(ask(clip, "prints_rubbish"))).state == DONE


def test_what_a_child_started_dies_with_it(start: Start, clip: Path) -> None:
    worker = start(silence_s=SILENCE_S)
    with Client(worker.address) as client:
        job = client.submit(ask(clip, "hangs_with_child"))
        child = psutil.Process(wait_for(lambda: child_of(worker)))  # not before it is there: Process(None) is we
        offspring = wait_for(child.children)
        assert client.wait(job).state == FAILED
        wait_for(lambda: not any(lives(process) for process in offspring))


def test_a_stop_while_the_child_starts_waits_for_nothing(worker: Worker, client: Client, clip: Path) -> None:
    lane = worker.lanes[0]
    start, entered = lane._runner.start, threading.Event()

    def late() -> None:
        entered.set()
        lane._stopping.wait(10)
        start()

    lane._runner.start = late  # type: ignore[method-assign]
    client.submit(ask(clip, "slow", steps=10_000))
    assert entered.wait(10)
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < 5
    assert child_of(worker) is None


def test_after_three_crashes_the_clip_is_refused_and_not_the_queue(client: Client, clip: Path) -> None:
    jobs = [client.wait(client.submit(ask(clip, "exits", seed=seed))).id for seed in range(3)]
    with pytest.raises(ClientError, match="refused, because this clip has ended the working process 3 times"):
        client.submit(ask(clip, seed=9))
    other = clip.with_name("other.mp4")
    other.write_bytes(b"another clip")
    assert client.wait(client.submit(ask(other))).state == DONE
    client.forget(jobs[0])
    assert client.wait(client.submit(ask(clip, seed=9))).state == DONE


def test_a_clip_that_is_refused_holds_up_no_queue_where_it_waits_already(client: Client, clip: Path) -> None:
    other = clip.with_name("other.mp4")
    other.write_bytes(b"another clip")
    jobs = client.submit_batch([*(ask(clip, "exits", seed=seed) for seed in range(5)), ask(other)])
    found = client.wait_all(jobs)
    assert ["refused" in job.reason for job in found] == [False] * 3 + [True] * 2 + [False]
    assert [job.state for job in found] == [FAILED] * 5 + [DONE]
    assert client.status().counts == (
        ("crashes", 3),
        ("done", 1),
        ("dropped connections", 0),
        ("failed", 5),
        ("submitted", 6),
    )


def test_a_job_that_hangs_can_be_cancelled(
    client: Client, worker: Worker, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagintalk_server.lane._OBEYS_S", 0.5)
    job, after = client.submit_batch([ask(clip, "hangs"), ask(clip, seed=1)])
    wait_for(lambda: child_of(worker) is not None and client.job(job).state == RUNNING)
    client.cancel(job)
    assert [found.state for found in client.wait_all([job, after])] == [CANCELLED, DONE]


def test_a_success_clears_what_came_before(client: Client, worker: Worker, clip: Path) -> None:
    for seed in range(2):
        client.wait(client.submit(ask(clip, "exits", seed=seed)))
    assert client.wait(client.submit(ask(clip, seed=7))).state == DONE
    assert client.wait(client.submit(ask(clip, "exits", seed=8))).state == FAILED
    assert client.wait(client.submit(ask(clip, seed=9))).state == DONE


def test_mistakes_of_the_user_never_get_a_clip_refused(client: Client, clip: Path) -> None:
    for seed in range(5):
        assert client.wait(client.submit(ask(clip, "refuses", seed=seed))).state == FAILED
    assert client.wait(client.submit(ask(clip, seed=9))).state == DONE


def test_a_clip_that_vanishes_fails_its_job(client: Client, clip: Path) -> None:
    blocker = client.submit(ask(clip, "slow", steps=50))
    gone = clip.with_name("gone.mp4")
    gone.write_bytes(b"soon gone")
    job = client.submit(ask(gone))
    gone.unlink()
    assert client.wait(blocker).state == DONE
    failed = client.wait(job)
    assert (failed.state, "No such file" in failed.reason) == (FAILED, True), failed.reason


def test_the_journal_tells_of_a_crash(client: Client, worker: Worker, clip: Path) -> None:
    job = client.wait(client.submit(ask(clip, "exits")))
    with sqlite3.connect(worker.settings.state / "journal.sqlite") as journal:
        found = journal.execute("SELECT state, crashes, reason FROM jobs WHERE id=?", (job.id,)).fetchone()
    assert found == (FAILED, 1, job.reason)


def test_a_child_killed_from_outside_is_told_and_replaced(client: Client, worker: Worker, clip: Path) -> None:
    job = client.submit(ask(clip, "slow", steps=1000))
    wait_for(lambda: client.job(job).state == RUNNING and client.job(job).stage)
    child = child_of(worker)
    assert child is not None
    psutil.Process(child).kill()
    failed = client.wait(job)
    assert (failed.state, "killed by SIGKILL" in failed.reason) == (FAILED, True), failed.reason
    assert client.wait(client.submit(ask(clip, seed=1))).state == DONE
