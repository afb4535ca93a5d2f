"""Jobs through a real socket and a real child process."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from pipelines import STEP_S, speech_of
from served import Start, ask, child_of, wait_for

from imagintalk_server.client import Client, ClientError
from imagintalk_server.protocol import (
    BATCH,
    CANCELLED,
    CLICK,
    DONE,
    FAILED,
    PROTOCOL,
    QUEUED,
    RUNNING,
    ClipRequest,
    Job,
)  # fmt: skip
from imagintalk_server.states import LEGAL, IllegalMove, check_move
from imagintalk_server.worker import Worker


def test_a_clip_becomes_a_file_with_its_checksum(client: Client, clip: Path) -> None:
    seen: list[Job] = []
    job = client.wait(client.submit(ask(clip, "slow", seed=3, takes=2)), seen.append)
    assert job.state == DONE
    result = client.result(job.id)
    assert [take.seed for take in result.takes] == [3, 4]
    for take in result.takes:
        content = Path(take.path).read_bytes()
        assert content == speech_of(clip, take.seed)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (take.bytes, take.sha256)
    assert result.report is not None
    assert Path(result.report.path).is_file()
    fractions = [job.fraction for job in seen if job.state == RUNNING]
    assert fractions == sorted(fractions)
    assert any(job.seconds_left for job in seen)


def test_every_move_between_states_is_legal_or_raises() -> None:
    legal = {(QUEUED, RUNNING), (QUEUED, DONE), (QUEUED, FAILED), (QUEUED, CANCELLED), (RUNNING, DONE),
             (RUNNING, FAILED), (RUNNING, CANCELLED), (RUNNING, QUEUED)}  # fmt: skip
    for old, new in itertools.product(LEGAL, LEGAL):
        if (old, new) in legal:
            check_move(1, old, new)
        else:
            with pytest.raises(IllegalMove, match=f"from {old} to {new}"):
                check_move(1, old, new)


def test_a_click_overtakes_a_batch_and_equals_keep_their_order(client: Client, clip: Path) -> None:
    first = client.submit(ask(clip, "slow", seed=1))
    batch = client.submit_batch([ask(clip, seed=seed, priority=BATCH) for seed in (2, 3)])
    click = client.submit(ask(clip, seed=4, priority=CLICK))
    done = client.wait_all([first, *batch, click])
    order = sorted(done, key=lambda job: job.finished_s or 0.0)
    assert [job.id for job in order] == [first, click, *batch]


def test_the_same_request_is_answered_at_once(worker: Worker, client: Client, clip: Path) -> None:
    first = client.wait(client.submit(ask(clip, "slow")))
    copy = clip.with_name("copy.mp4")
    copy.write_bytes(clip.read_bytes())
    again = client.job(client.submit(ask(copy, "slow", priority=CLICK)))
    assert (first.cached, again.cached, again.state) == (False, True, DONE)
    assert client.result(again.id).takes == client.result(first.id).takes
    assert worker.jobs.counts["cached"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 9},
        {"start_s": 0.5},
        {"takes": 2},
        {"guidance": 2.0},
        {"voice": "drawn"},
        {"times": ((0.0, 0.0), (1.0, 2.0))},
        {"emotions": ((0.0, "sad", 1.0),)},
    ],
)
def test_another_request_is_another_result(client: Client, clip: Path, change: dict[str, object]) -> None:
    client.wait(client.submit(ask(clip)))
    assert not client.wait(client.submit(ClipRequest(str(clip), **({"emotion": "quick"} | change)))).cached  # type: ignore[arg-type]


def test_a_changed_clip_or_voice_is_another_result(client: Client, clip: Path, tmp_path: Path) -> None:
    voice = tmp_path / "voice.wav"
    voice.write_bytes(b"one")
    client.wait(client.submit(ask(clip, voice=str(voice))))
    voice.write_bytes(b"two")
    assert not client.wait(client.submit(ask(clip, voice=str(voice)))).cached
    clip.write_bytes(b"other pictures")
    assert not client.wait(client.submit(ask(clip, voice=str(voice)))).cached


def test_twins_in_the_queue_are_made_once(client: Client, clip: Path) -> None:
    done = client.wait_all(client.submit_batch([ask(clip, "slow"), ask(clip, "slow")]))
    assert [job.cached for job in done] == [False, True]


def test_a_key_makes_a_repeated_submission_one_job(client: Client, clip: Path) -> None:
    first = client.submit(ask(clip, key="strip 7"))
    assert client.submit(ask(clip, key="strip 7")) == first
    assert client.submit(ask(clip, key="strip 8")) != first


def test_a_batch_is_taken_whole_or_not_at_all(client: Client, clip: Path) -> None:
    with pytest.raises(ClientError, match="no such file"):
        client.submit_batch([ask(clip), ask(clip.with_name("missing.mp4"))])
    assert client.jobs() == []


def test_cancel_while_waiting(client: Client, clip: Path) -> None:
    first, second = client.submit_batch([ask(clip, "slow"), ask(clip, seed=1)])
    client.cancel(second)
    assert client.job(second).state == CANCELLED
    assert client.wait(first).state == DONE
    with pytest.raises(ClientError, match="has no result"):
        client.result(second)


def test_cancel_takes_one_step_and_leaves_the_child_alive(worker: Worker, client: Client, clip: Path) -> None:
    job = client.submit(ask(clip, "slow", steps=1000))
    wait_for(lambda: client.job(job).stage == "imagining the speech")
    child = child_of(worker)
    began = time.monotonic()
    client.cancel(job)
    assert client.wait(job).state == CANCELLED
    assert time.monotonic() - began < STEP_S + 0.1
    assert client.wait(client.submit(ask(clip))).state == DONE
    assert child_of(worker) == child


def test_cancel_at_any_moment_ends_cancelled_or_done(client: Client, clip: Path) -> None:
    for number in range(30):
        job = client.submit(ask(clip, "slow", seed=number, steps=2))
        time.sleep(number * 0.002)
        client.cancel(job)
        assert client.wait(job).state in (CANCELLED, DONE)
    assert client.wait(client.submit(ask(clip, seed=99))).state == DONE


def test_a_finished_job_stays_as_it_is_and_can_be_forgotten(client: Client, clip: Path) -> None:
    job = client.submit(ask(clip))
    assert client.wait(job).state == DONE
    client.cancel(job)
    assert client.job(job).state == DONE
    client.forget(job)
    with pytest.raises(ClientError, match=f"no job {job}"):
        client.job(job)
    running = client.submit(ask(clip, "slow", seed=5))
    with pytest.raises(ClientError, match="cancel it first"):
        client.forget(running)


def test_notes_and_warnings_reach_the_user(client: Client, clip: Path) -> None:
    job = client.wait(client.submit(ask(clip, "notes")))
    assert job.notes == ("this was made on the CPU",)
    assert client.result(job.id).warnings == ("the lips are drawn",)


def test_the_queue_is_bounded(start: Start, clip: Path) -> None:
    with Client(start({"queued_jobs": 3}).address) as client:
        running = client.submit(ask(clip, "slow", steps=1000))
        wait_for(lambda: client.job(running).state == RUNNING)
        client.submit_batch([ask(clip, seed=seed) for seed in range(3)])
        with pytest.raises(ClientError, match="at most 3"):
            client.submit(ask(clip, seed=9))
        client.cancel(running)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"takes": 0}, "takes 0"),
        ({"seed": -1}, "seed -1"),
        ({"priority": 99}, "priority"),
        ({"path": "a.mp4"}, "absolute"),
        ({"start_s": float("nan")}, "not finite"),
        ({"times": ((0.0, 0.0), (1.0, float("inf")))}, "not finite"),
        ({"emotions": ((0.0, "sad", float("nan")),)}, "not finite"),
        ({"emotions": ((0.0, "x" * 5000, 1.0),)}, "longer than"),
        ({"emotion": "x" * 5000}, "longer than"),
    ],
)
def test_a_senseless_request_is_refused(client: Client, clip: Path, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        client.submit(ClipRequest(**({"path": str(clip)} | wrong)))  # type: ignore[arg-type]


def test_a_request_of_an_older_program_has_the_defaults_of_what_it_lacks(
    start: Start, clip: Path, tmp_path: Path
) -> None:
    worker = start()
    with Client(worker.address) as client:
        job = client.wait(client.submit(ask(clip, seed=3, takes=2)))
    worker.stop()
    packed = ask(clip, seed=3, takes=2).pack()
    with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as journal:
        assert journal.execute("SELECT request FROM jobs").fetchone() == (json.dumps(packed),)
        journal.execute("UPDATE jobs SET request = ?", (json.dumps(packed[:15]),))  # before `times`
    with Client(start().address) as client:
        assert client.job(job.id) == job


def test_hello_names_the_side_that_is_older(client: Client) -> None:
    assert client.hello().protocol == PROTOCOL
    line = client._calls
    for protocol, older in ((PROTOCOL - 1, "update the client"), (PROTOCOL + 1, "update the worker")):
        with pytest.raises(ClientError, match=older), line.connected():
            line._call("hello", protocol, "9.9")


def test_events_wait_and_know_what_was_missed(client: Client, clip: Path) -> None:
    hello = client.hello()
    began = time.monotonic()
    assert client.events(hello.instance, 0, timeout_s=0.2).events == ()
    assert time.monotonic() - began >= 0.2
    job = client.submit(ask(clip))
    news = client.events(hello.instance, 0, timeout_s=5)
    assert {event.job.id for event in news.events} == {job}
    assert client.events("another", 10**6, timeout_s=5).missed


def test_the_model_is_loaded_ahead_and_unloaded_when_idle(start: Start, clip: Path) -> None:
    worker = start(idle_unload_s=1.0)
    with Client(worker.address) as client:
        assert client.hello().device == "not loaded"
        client.preload()
        wait_for(lambda: client.hello().device == "fake")
        child = child_of(worker)
        assert child is not None
        wait_for(lambda: client.hello().device == "not loaded")
        assert not psutil.pid_exists(child)
        assert client.wait(client.submit(ask(clip))).state == DONE


def test_faces_do_not_wait_for_events(client: Client, clip: Path) -> None:
    instance = client.hello().instance
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(client.events, instance, 10**6, 5.0)
        time.sleep(0.2)
        assert client.faces(str(clip))
        assert not poll.done()


def test_faces_are_found_while_a_job_runs(client: Client, clip: Path) -> None:
    job = client.submit(ask(clip, "slow", steps=1000))
    assert [face.index for face in client.faces(str(clip))] == [0]
    assert client.job(job).state in (QUEUED, RUNNING)
    client.cancel(job)
    for name, words in (("exits.mp4", "exit code 3"), ("refuses.mp4", "no picture")):
        clip.with_name(name).write_bytes(b"x")
        with pytest.raises(ClientError, match=words):
            client.faces(str(clip.with_name(name)))
    assert len(client.faces(str(clip))) == 1


def test_old_results_go_when_the_cache_is_full(start: Start, clip: Path) -> None:
    worker = start({"cache_bytes": 300})
    with Client(worker.address) as client:
        jobs = [client.wait(client.submit(ask(clip, seed=seed))).id for seed in range(12)]
        assert client.status().cache_bytes <= 300
        kept = list((worker.settings.state / "results").iterdir())
        assert 1 <= len(kept) < 12
        assert client.result(jobs[-1]).takes
        with pytest.raises(ClientError, match="no longer kept"):
            client.result(jobs[0])
        assert client.wait(client.submit(ask(clip, seed=0))).state == DONE


def test_finished_jobs_are_bounded(start: Start, clip: Path) -> None:
    worker = start({"finished_jobs": 10})
    with Client(worker.address) as client:
        for first in range(0, 200, 50):
            client.wait_all(client.submit_batch([ask(clip, seed=first + seed) for seed in range(50)]))
        assert len(client.jobs(1000)) <= 10 + 100  # the sweep is now and then
        assert worker.jobs._live == {}


def test_failed_state_is_never_left(client: Client, clip: Path) -> None:
    job = client.wait(client.submit(ask(clip, "raises")))
    assert job.state == FAILED
    client.cancel(job.id)
    assert client.job(job.id).state == FAILED


def test_a_clip_that_changes_meanwhile_is_not_kept_under_its_old_name(client: Client, clip: Path) -> None:
    old = clip.read_bytes()
    job = client.submit(ask(clip, "slow", steps=100))
    wait_for(lambda: client.job(job).stage == "imagining the speech")
    clip.write_bytes(b"another cut")
    failed = client.wait(job)
    assert (failed.state, "changed meanwhile" in failed.reason) == (FAILED, True)
    clip.write_bytes(old)
    assert not client.wait(client.submit(ask(clip, "slow", steps=1))).cached


def test_a_result_that_somebody_removed_is_made_again(client: Client, clip: Path) -> None:
    first = client.wait(client.submit(ask(clip)))
    take = Path(client.result(first.id).takes[0].path)
    take.unlink()
    with pytest.raises(ClientError, match="no longer kept"):
        client.result(first.id)
    again = client.wait(client.submit(ask(clip)))
    assert (again.state, again.cached) == (DONE, False)
    assert take.read_bytes() == speech_of(clip, 0)


def test_removed_while_in_the_cache_is_noticed_at_submission(client: Client, clip: Path) -> None:
    first = client.wait(client.submit(ask(clip)))
    Path(client.result(first.id).takes[0].path).unlink()
    assert client.wait(client.submit(ask(clip))).state == DONE
