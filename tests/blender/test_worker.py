"""The worker's process: started, found, lost, refused; and every way in which it may die."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import put, span, takes_of
from films import Film
from workers import Served


def _generate(addon: Any, scene: Any, film: Film, name: str = "film.mp4") -> Any:
    strip = put(addon, scene, film(name))
    bpy.ops.imagintalk.generate()
    return strip


@pytest.fixture
def started(addon: Any, tmp_path: Path) -> Any:
    """Workers that the add-on starts end with the test."""
    yield
    address = addon.part("carried.address").Address.of_state(tmp_path / "worker")
    if address is not None and address.pid is not None:
        os.kill(address.pid, signal.SIGTERM)


def test_generate_starts_a_worker_where_none_runs(
    addon: Any, scene: Any, film: Film, serving_python: Path, started: None
) -> None:
    addon.preferences.auto_start, addon.preferences.python = True, str(serving_python)
    began = time.perf_counter()
    strip = _generate(addon, scene, film)
    assert time.perf_counter() - began < 0.5  # it does not wait for it
    assert addon.session.worker == "starting"
    addon.finish()
    assert [span(addon, take) for take in takes_of(addon, scene)] == [span(addon, strip)]


def test_start_and_stop(addon: Any, scene: Any, serving_python: Path, started: None) -> None:
    addon.preferences.python = str(serving_python)
    assert not bpy.ops.imagintalk.stop_worker.poll()
    bpy.ops.imagintalk.start_worker()
    addon.beat(lambda: addon.session.worker == "ready")
    assert addon.session.hello.local
    bpy.ops.imagintalk.stop_worker()
    addon.beat(lambda: addon.session.worker == "no worker")


def test_without_a_worker_jobs_wait_until_one_answers(addon: Any, scene: Any, film: Film, tmp_path: Path) -> None:
    strip = _generate(addon, scene, film)
    addon.beat(lambda: scene.imagintalk.jobs[0].state == "waiting")
    served = Served(tmp_path / "worker")
    addon.finish()
    served.stop()
    assert [span(addon, take) for take in takes_of(addon, scene)] == [span(addon, strip)]


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("/nowhere/python", "/nowhere/python: expected the Python that has ImaginTalk"),
        ("", "no `imagintalk` is on PATH"),
        ("/bin/false", "the worker did not start: exit code 1"),
    ],
)
def test_a_worker_that_cannot_be_started_is_told(
    addon: Any, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch, python: str, words: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    addon.preferences.auto_start, addon.preferences.python = True, python
    put(addon, scene, film())
    if python != "/bin/false":
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.imagintalk.generate()
        assert addon.dubs == []
        return
    bpy.ops.imagintalk.generate()
    addon.beat(lambda: scene.imagintalk.jobs[0].state == "failed")
    assert words in scene.imagintalk.jobs[0].reason
    assert words in addon.session.trouble


def test_a_worker_that_starts_and_never_answers_is_told(
    addon: Any, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addon.part("session"), "_ANSWERS_S", 0.3)
    addon.preferences.auto_start, addon.preferences.python = True, "/bin/true"
    _generate(addon, scene, film)
    assert addon.session.worker == "starting"
    addon.beat(lambda: scene.imagintalk.jobs[0].state == "failed", 5)
    assert "the worker was started, but does not answer" in scene.imagintalk.jobs[0].reason
    assert addon.session.worker == "no worker"
    assert bpy.ops.imagintalk.start_worker.poll()


def test_start_is_offered_where_it_does_something(
    addon: Any, worker: Served, scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not bpy.ops.imagintalk.start_worker.poll()
    worker.pause()
    bpy.ops.imagintalk.stop_worker()
    assert addon.session.worker == "stopping"
    assert not bpy.ops.imagintalk.start_worker.poll()
    worker.go_on()
    addon.beat(lambda: addon.session.worker == "no worker")
    assert bpy.ops.imagintalk.start_worker.poll()
    monkeypatch.setattr(addon.part("carried.client"), "PROTOCOL", 999)
    again = Served(worker.state)
    bpy.ops.imagintalk.connect()
    addon.beat(lambda: addon.session.worker == "refused")
    assert not bpy.ops.imagintalk.start_worker.poll()
    again.stop()


@pytest.mark.parametrize("closed", [False, True], ids=["Blender stays open", "and is closed meanwhile"])
def test_a_job_that_was_cancelled_without_a_worker_does_not_run_when_it_comes_back(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, closed: bool
) -> None:
    scene.imagintalk.settings.quality = "BEST"
    _generate(addon, scene, film, "slow.mp4")
    addon.beat(lambda: addon.dubs[0].state == "running")
    number = addon.dubs[0].number
    worker.kill()
    addon.beat(lambda: addon.session.worker == "no worker")
    bpy.ops.imagintalk.cancel_all()
    if closed:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
        bpy.ops.wm.read_homefile(use_empty=True)
        addon.part("tick").tick()
        addon.session.recalls.clear()  # as in a Blender that was started anew
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    again = Served(worker.state)
    addon.beat(lambda: addon.session.worker == "ready")
    client, _ = addon.session.link.client(5.0)
    addon.beat(lambda: client.job(number).state == "cancelled")
    addon.beat(lambda: addon.dubs[0].number is None)  # and it is not told for ever
    again.stop()


@pytest.mark.parametrize("moment", ["before", "sending", "queued", "running", "done"])
def test_a_worker_killed_at_any_stage_is_noticed_and_its_jobs_go_on_with_the_next(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, moment: str
) -> None:
    if moment == "before":
        worker.kill()
    first = put(addon, scene, film("slow first.mp4"), channel=8)
    bpy.ops.imagintalk.generate()
    strip = put(addon, scene, film("slow.mp4"))
    bpy.ops.imagintalk.generate()
    key = addon.dubs[-1].key
    if moment == "sending":
        worker.kill()
    if moment == "queued":
        addon.beat(lambda: addon.session.dubs[key].state == "queued")
    if moment == "running":
        addon.beat(lambda: addon.session.dubs[key].state == "running")
    if moment == "done":
        addon.beat(lambda: addon.session.dubs[key].state in ("fetching", "ready", "done"))
    worker.kill()
    killed = time.monotonic()
    addon.beat(lambda: addon.session.worker == "no worker", 3)
    assert time.monotonic() - killed < 2
    if any(dub.open for dub in addon.dubs):
        assert "jobs wait, and go on" in addon.session.lack
    again = Served(tmp_path / "worker")
    addon.finish()
    again.stop()
    assert sorted(span(addon, take) for take in takes_of(addon, scene)) == [span(addon, first), span(addon, strip)]


def test_a_worker_that_hangs_is_noticed_within_two_seconds(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    worker.pause()
    began = time.monotonic()
    addon.beat(lambda: addon.session.worker == "no worker", 3)
    assert time.monotonic() - began < 2
    began = time.perf_counter()
    _generate(addon, scene, film)
    assert time.perf_counter() - began < 0.3
    worker.go_on()
    addon.finish()
    assert len(takes_of(addon, scene)) == 1


@pytest.mark.parametrize(("name", "words"), [("exits.mp4", "ended"), ("raises.mp4", "cat sat on the keyboard")])
def test_a_pipeline_that_dies_costs_its_job(
    addon: Any, worker: Served, scene: Any, film: Film, name: str, words: str
) -> None:
    _generate(addon, scene, film, name)
    addon.finish()
    (job,) = scene.imagintalk.jobs
    assert (job.state, words in job.reason) == ("failed", True), job.reason
    put(addon, scene, film("good.mp4"), start=200)
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert len(takes_of(addon, scene)) == 1


def test_a_wrong_token_is_told(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    (worker.state / "token").write_text("0" * 64, encoding="ascii")
    addon.beat(lambda: addon.session.worker == "no worker")
    bpy.ops.imagintalk.connect()
    addon.beat(lambda: addon.session.last_words)
    _generate(addon, scene, film)
    assert "is the token that of this worker?" in addon.session.lack
    assert scene.imagintalk.jobs[0].state == "waiting"  # until the token is right, or the job is cancelled


def test_a_worker_of_another_version_is_told(
    addon: Any, worker: Served, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addon.part("carried.client"), "PROTOCOL", 999)
    bpy.ops.imagintalk.connect()
    addon.beat(lambda: addon.session.worker == "refused")
    assert "update the worker, which is older than the client" in addon.session.trouble
    put(addon, scene, film())
    with pytest.raises(RuntimeError, match="update the worker"):
        bpy.ops.imagintalk.generate()
    monkeypatch.undo()
    bpy.ops.imagintalk.connect()
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert len(takes_of(addon, scene)) == 1


def test_an_address_at_which_something_else_listens_is_told(addon: Any, scene: Any, film: Film, tmp_path: Path) -> None:
    """As after a crash, when the worker's port has been taken by another program."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        state = tmp_path / "worker"
        state.mkdir()
        (state / "token").write_text("0" * 64, encoding="ascii")
        address = {"host": "127.0.0.1", "port": other.getsockname()[1], "certificates": None, "pid": 1}
        (state / "worker.json").write_text(json.dumps(address), encoding="utf-8")
        addon.beat(lambda: "no answer from the worker" in addon.session.last_words)
        assert addon.session.worker == "no worker"
        _generate(addon, scene, film)
        assert scene.imagintalk.jobs[0].state == "waiting"


def test_another_machine_needs_certificates_and_online_access(addon: Any, scene: Any, film: Film) -> None:
    put(addon, scene, film())
    addon.preferences.where = "REMOTE"
    with pytest.raises(RuntimeError, match="needs host and certificates"):
        bpy.ops.imagintalk.generate()
    addon.preferences.host, addon.preferences.certificates = "gpu.example", "/nowhere"
    with pytest.raises(RuntimeError, match="Blender is offline; allow online access"):
        bpy.ops.imagintalk.generate()


def test_diagnostics_tell_what_helps_and_no_secret(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    _generate(addon, scene, film, "refuses.mp4")
    addon.finish()
    addon.beat(lambda: addon.session.status is not None)
    told = addon.part("diagnostics").diagnostics()
    assert "failed: refuses.mp4: no face" in told
    assert "worker: ready" in told
    assert addon.part("carried.address").Address.of_state(worker.state).token not in told
    path = film("gone.mp4")
    put(addon, scene, path)
    bpy.ops.imagintalk.batch()
    path.unlink()
    addon.finish()
    told = addon.part("diagnostics").diagnostics()
    assert "failed: gone.mp4: the strip's file is gone" in told
    assert str(path.parent) not in told


@pytest.mark.parametrize(
    "path",
    [
        "/home/some one/my films/{}",
        "//takes of mine/{}",
        "~/films of mine/{}",
        r"C:\Users\Some One\films\{}",
        r"\\server\share\my films\{}",
    ],
)
def test_diagnostics_hold_no_folder(addon: Any, scene: Any, path: str) -> None:
    addon.session.trouble = f"{path.format('film.mp4')}: gone; {path.format('b.wav')}"
    told = addon.part("diagnostics").diagnostics()
    assert "film.mp4: gone" in told
    assert "b.wav" in told
    for part in ("home", "some one", "Some One", "films", "mine", "Users", "share", "takes"):
        assert part not in told


def test_diagnostics_hold_no_folder_of_a_job_whatever_its_name(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    odd = tmp_path / "odd: one; of mine"
    odd.mkdir()
    put(addon, scene, film("refuses.mp4").rename(odd / "refuses.mp4"))
    bpy.ops.imagintalk.generate()
    addon.finish()
    addon.session.trouble = f"{odd}: cannot be written to, {odd / 'refuses.mp4'} neither"
    told = addon.part("diagnostics").diagnostics()
    assert "of mine" not in told
    assert "refuses.mp4 neither" in told
