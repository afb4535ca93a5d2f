"""kill -9 of the worker, its child, or both, at any moment. The journal is read after the crash, not believed."""

from __future__ import annotations

import ctypes
import platform
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kills import kill_at_random
from pipelines import speech_of
from served import HERE, Served, ask, lives, wait_for

from imagintalk_server.client import Client, ClientError
from imagintalk_server.protocol import DONE, QUEUED, RUNNING

_TGKILL = 234
"""Linux's call on x86-64 that sends a signal to one thread."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[list[Served]]:
    """Workers to be killed; the last is killed in the end whatever happens."""
    running: list[Served] = [Served(tmp_path / "state")]
    yield running
    running[-1].kill()


def states(state: Path) -> dict[int, str]:
    """What the journal says, read by nobody but us."""
    with sqlite3.connect(state / "journal.sqlite") as journal:
        return dict(journal.execute("SELECT id, state FROM jobs"))


def test_a_killed_worker_loses_no_take_and_no_queued_clip(served: list[Served], clip: Path) -> None:
    with Client(served[0].address) as client:
        done = client.wait(client.submit(ask(clip, seed=1)))
        running = client.submit(ask(clip, "slow", seed=2, steps=30))
        queued = client.submit_batch([ask(clip, seed=seed) for seed in (3, 4)])
        wait_for(lambda: client.job(running).stage == "imagining the speech")
        child = psutil.Process(served[0].process.pid).children()[0]
        served[0].kill()
    wait_for(lambda: not lives(child), 2)
    found = states(served[0].state)
    assert found == {done.id: DONE, running: RUNNING, queued[0]: QUEUED, queued[1]: QUEUED}
    served.append(Served(served[0].state))
    with Client(served[1].address) as client:
        again = client.wait_all([running, *queued])
        assert [job.state for job in again] == [DONE] * 3
        assert "the worker stopped while this ran" in again[0].notes[0]
        for job, seed in ((done.id, 1), (running, 2), (queued[0], 3), (queued[1], 4)):
            assert Path(client.result(job).takes[0].path).read_bytes() == speech_of(clip, seed)


def test_nothing_outlives_a_killed_worker(served: list[Served], clip: Path) -> None:
    with Client(served[0].address) as client:
        client.submit(ask(clip, "hangs_with_child"))
        child = wait_for(psutil.Process(served[0].process.pid).children)[0]
        offspring = [child, *wait_for(child.children)]
    served[0].kill()
    wait_for(lambda: not any(lives(process) for process in offspring), 5)


def test_a_client_waits_through_a_restart(served: list[Served], tmp_path: Path, clip: Path) -> None:
    with Client(served[0].address) as client:
        job = client.submit(ask(clip, "slow", steps=20))
        served[0].kill()
        served.append(Served(served[0].state))
        assert client.wait(job).state == DONE


def test_stopping_is_no_loss_either(served: list[Served], clip: Path) -> None:
    with Client(served[0].address) as client:
        job = client.submit(ask(clip, "slow", steps=500))
        wait_for(lambda: client.job(job).state == RUNNING)
        client.shutdown()
    assert served[0].process.wait(timeout=10) == 0
    assert states(served[0].state) == {job: RUNNING}


def test_a_client_waits_through_a_clean_restart_too(served: list[Served], clip: Path) -> None:
    with Client(served[0].address) as client:
        job = client.submit(ask(clip, "slow", steps=20))
        wait_for(lambda: client.job(job).state == RUNNING)
        client.shutdown()
        assert served[0].process.wait(timeout=10) == 0
        served.append(Served(served[0].state))
        assert served[1].address.port == served[0].address.port
        assert client.wait(job).state == DONE


def test_a_full_disk_refuses_new_jobs_and_loses_none(served: list[Served], clip: Path) -> None:
    process = psutil.Process(served[0].process.pid)
    with Client(served[0].address) as client:
        running = client.submit(ask(clip, "slow", seed=1, steps=20))
        queued = client.submit(ask(clip, seed=2))
        wait_for(lambda: client.job(running).stage == "imagining the speech")
        process.rlimit(psutil.RLIMIT_FSIZE, (1, process.rlimit(psutil.RLIMIT_FSIZE)[1]))  # of the parent alone
        with pytest.raises(ClientError, match="make room on its disk"):
            client.submit(ask(clip, seed=3))
        assert client.job(running).state == RUNNING
    assert served[0].process.wait(timeout=20) == 1  # it could not enter the finished take
    assert states(served[0].state) == {running: RUNNING, queued: QUEUED}
    served.append(Served(served[0].state))
    with Client(served[1].address) as client:
        assert [job.state for job in client.wait_all([running, queued])] == [DONE] * 2


def test_a_second_worker_on_the_same_state_is_refused(served: list[Served]) -> None:
    second = subprocess.run(
        [sys.executable, str(HERE / "serve.py"), str(served[0].state)], capture_output=True, text=True, check=False
    )
    assert second.returncode != 0
    assert "already running" in second.stderr
    with Client(served[0].address) as client:
        assert client.hello().protocol


def test_random_kills(tmp_path: Path) -> None:
    """The full size is in benchmarks/worker.py."""
    told = kill_at_random(tmp_path, kills=8, seed=3)
    assert told.kills == 8
    assert told.lost == told.doubled == 0
    assert told.left == 0


def test_a_result_that_was_not_entered_is_swept_away(served: list[Served], clip: Path) -> None:
    with Client(served[0].address) as client:
        client.wait(client.submit(ask(clip)))
    served[0].kill()
    orphan = served[0].state / "results" / ("0" * 64)
    orphan.mkdir()
    (orphan / "take_1.wav").write_bytes(b"half")
    unfinished = served[0].state / "work" / "77"
    unfinished.mkdir(parents=True, exist_ok=True)
    served.append(Served(served[0].state))
    assert not orphan.exists()
    assert not unfinished.exists()
    with Client(served[1].address) as client:
        assert client.job(client.submit(ask(clip))).cached


def test_the_parent_never_imports_torch(tmp_path: Path, clip: Path) -> None:
    """Nor numpy, after dubbing, finding faces and telling its status."""
    code = f"""
import sys
from pathlib import Path
from imagintalk_server import certificates, commands, report
from imagintalk_server.client import Client
from imagintalk_server.protocol import ClipRequest
from imagintalk_server.settings import Backend, Settings
from imagintalk_server.worker import Worker
fake = Backend("pipelines:Fake")
worker = Worker(Settings(fake, fake, Path({str(tmp_path / "state")!r})))
worker.start()
with Client(worker.address) as client:
    print(client.wait(client.submit(ClipRequest({str(clip)!r}))).state)
    client.faces({str(clip)!r}), client.status(), client.metrics()
worker.stop()
print([name for name in ("torch", "mediapipe", "cv2", "transformers", "numpy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split("\n")[:2] == [DONE, "[]"], done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="speaks to the kernel by number")
def test_a_signal_that_another_thread_takes_ends_the_worker_too(tmp_path: Path) -> None:
    """The system may give a signal to any thread; only the main one runs handlers, and it must look up for that."""
    served = Served(tmp_path / "state")
    others = [int(task.name) for task in Path(f"/proc/{served.process.pid}/task").iterdir()]
    others.remove(served.process.pid)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    # One that serves a connection may have ended since it was listed.
    assert any(syscall(_TGKILL, served.process.pid, other, signal.SIGTERM) == 0 for other in sorted(others))
    assert served.process.wait(10) == 0
