"""What the add-on knows survives undo, saving, reloading, appending, disabling; nothing is inserted at a bad time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import put, span, takes_of
from films import Film
from workers import Served


def _dub(addon: Any, scene: Any, film: Film, name: str = "film.mp4") -> Any:
    strip = put(addon, scene, film(name))
    bpy.ops.ed.undo_push(message="a strip")
    bpy.ops.imagintalk.generate()
    bpy.ops.ed.undo_push(message="Generate Dialogue")  # which a window does by itself
    return strip


def _scene() -> Any:
    return bpy.context.scene


def _now(addon: Any) -> tuple[int, list[str], list[str]]:
    """Takes on the timeline, takes in the list, states of jobs."""
    scene = _scene()
    return (
        len(takes_of(addon, scene)),
        [take.label for take in scene.imagintalk.takes],
        [job.state for job in scene.imagintalk.jobs],
    )


def test_undo_takes_an_inserted_take_away_in_one_step_and_redo_brings_it_back(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    _dub(addon, scene, film)
    addon.finish()
    with_take = _now(addon)
    assert with_take == (1, ["film_auto_0"], ["done"])
    bpy.ops.ed.undo()
    addon.beat(lambda: True)
    assert _now(addon) == (0, [], ["done"])
    for _ in range(5):
        addon.part("tick").tick()
    assert _now(addon)[0] == 0  # it is not inserted anew
    bpy.ops.ed.redo()
    addon.beat(lambda: True)
    assert _now(addon) == with_take


def test_undo_while_a_job_runs_loses_neither_job_nor_place(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    _dub(addon, scene, film, "slow.mp4")
    addon.beat(lambda: addon.dubs[0].state == "running")
    bpy.ops.ed.undo()  # before Generate: the strip has lost its id and the scene its job
    assert len(_scene().imagintalk.jobs) == 0
    addon.finish()
    assert _now(addon) == (1, ["slow_auto_0"], ["done"])


def test_undo_of_the_strip_itself_leaves_the_take_in_the_list(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    bpy.ops.ed.undo_push(message="empty")
    _dub(addon, scene, film, "slow.mp4")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    addon.finish()
    assert _now(addon)[0] == 0
    assert "its strip was deleted" in _scene().imagintalk.takes[0].note


def test_a_saved_file_has_all_of_it(addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path) -> None:
    strip = _dub(addon, scene, film)
    scene.imagintalk.settings.lufs = -16
    addon.finish()
    where = span(addon, strip)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("tick").tick()
    assert addon.dubs == []
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    addon.part("tick").tick()
    assert _now(addon) == (1, ["film_auto_0"], ["done"])
    assert _scene().imagintalk.settings.lufs == -16
    (take,) = takes_of(addon, _scene())
    assert span(addon, take) == where
    bpy.context.scene.sequence_editor.active_strip = take
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    assert [one.emotion for one in _scene().imagintalk.takes] == ["auto", "happy"]


@pytest.mark.parametrize("worker_too", [False, True], ids=["worker goes on", "worker stopped meanwhile"])
def test_a_take_that_was_made_while_blender_was_closed_comes_with_the_next_opening(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, worker_too: bool
) -> None:
    _dub(addon, scene, film, "slow.mp4")
    addon.beat(lambda: addon.dubs[0].state == "running")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)  # to the add-on as if Blender were closed
    addon.part("tick").tick()
    assert addon.dubs == []
    addon.beat(lambda: addon.session.status is not None and addon.session.status.running == 0)
    if worker_too:
        worker.stop()
        addon.beat(lambda: addon.session.worker == "no worker")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    addon.part("tick").tick()
    again = Served(worker.state) if worker_too else None
    addon.finish()
    if again is not None:
        again.stop()
    assert _now(addon) == (1, ["slow_auto_0"], ["done"])


def test_a_blender_that_was_killed_finds_its_take_when_it_is_started_again(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, archive: Path
) -> None:
    blend, path = tmp_path / "film.blend", film("slow.mp4")
    command = [sys.executable, str(Path(__file__).with_name("closed.py")), str(worker.state), str(blend), str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"IMAGINTALK_ZIP": str(archive)}
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    addon.beat(lambda: addon.session.status is not None and addon.session.status.running == 0)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    assert _now(addon)[2] == ["running"]
    addon.finish()
    assert _now(addon) == (1, ["slow_auto_0"], ["done"])


def test_a_clip_that_went_while_blender_was_closed_does_not_cost_its_take(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    strip = _dub(addon, scene, film, "slow.mp4")
    addon.beat(lambda: addon.dubs[0].state == "running")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    clip = Path(bpy.path.abspath(strip.filepath))
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("tick").tick()
    addon.beat(lambda: addon.session.status is not None and addon.session.status.running == 0)
    clip.unlink()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    addon.finish()
    assert _now(addon)[1:] == (["slow_auto_0"], ["done"])


def test_an_appended_scene_brings_its_takes(addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path) -> None:
    _dub(addon, scene, film)
    addon.finish()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "film.blend")) as (there, here):
        here.scenes = there.scenes
    (appended,) = here.scenes
    assert [take.label for take in appended.imagintalk.takes] == ["film_auto_0"]
    assert len(takes_of(addon, appended)) == 1
    bpy.ops.wm.read_homefile(use_empty=True)


def test_an_appended_scene_brings_its_open_jobs(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _dub(addon, scene, film, "slow.mp4")
    addon.beat(lambda: addon.dubs[0].state == "running")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("tick").tick()
    with bpy.data.libraries.load(str(tmp_path / "film.blend")) as (there, here):
        here.scenes = there.scenes
    addon.beat(lambda: addon.dubs)
    addon.finish()
    assert len(takes_of(addon, here.scenes[0])) == 1


def test_disabling_keeps_what_scenes_hold_and_enabling_goes_on(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    import addon_utils
    from extension import EXTENSION

    _dub(addon, scene, film, "slow.mp4")
    addon.beat(lambda: addon.dubs[0].state == "running")
    folder = addon.preferences.state_folder
    addon_utils.disable(EXTENSION)
    assert not hasattr(bpy.types, "IMAGINTALK_OT_generate")
    addon_utils.enable(EXTENSION)
    addon.preferences.state_folder = folder
    addon.preferences.auto_start = False
    addon.finish()
    assert _now(addon) == (1, ["slow_auto_0"], ["done"])


def test_takes_of_an_unsaved_file_move_beside_it_when_it_is_saved(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _dub(addon, scene, film)
    addon.finish()
    waiting = addon.part("paths").unsaved_folder()
    assert Path(scene.imagintalk.takes[0].path).parent == waiting
    folder = tmp_path / "project"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "film.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(folder / "film.blend"))
    (take,) = takes_of(addon, _scene())
    moved = Path(bpy.path.abspath(take.sound.filepath))
    assert moved == folder / "imagintalk" / "film_auto_0.wav"
    assert moved.is_file()
    assert Path(bpy.path.abspath(_scene().imagintalk.takes[0].path)) == moved
    assert list(waiting.iterdir()) == []


def test_saved_elsewhere_the_takes_are_still_found(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    _dub(addon, scene, film)
    addon.finish()
    (tmp_path / "else" / "where").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "else" / "where" / "film.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "else" / "where" / "film.blend"))
    addon.part("tick").tick()
    take = _scene().imagintalk.takes[0]
    assert bpy.ops.imagintalk.place(take=take.name) == {"FINISHED"}
    (strip,) = takes_of(addon, _scene())
    assert Path(bpy.path.abspath(strip.sound.filepath)).is_file()


@pytest.mark.parametrize("what", ["render", "playback"])
def test_nothing_is_inserted_at_a_bad_time(
    addon: Any, worker: Served, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    guard = addon.part("guard")
    _dub(addon, scene, film)
    if what == "render":  # which without a window holds up everything else
        monkeypatch.setattr(guard, "renders", lambda: True)
    else:
        bpy.ops.screen.animation_play()
    assert guard.reason_to_wait()
    addon.beat(lambda: addon.dubs[0].state == "ready")
    for _ in range(5):
        addon.part("tick").tick()
    assert _now(addon)[0] == 0
    monkeypatch.undo()
    bpy.ops.screen.animation_cancel()
    addon.finish()
    assert _now(addon)[0] == 1


@pytest.mark.parametrize("fault", ["read-only", "full"])
def test_a_folder_that_cannot_be_written_to_is_told_and_the_take_is_fetched_later(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "read-only":
        (tmp_path / "file").write_text("no folder", encoding="utf-8")
        scene.imagintalk.settings.folder = str(tmp_path / "file" / "takes")
    else:
        full = Path("/dev/full")

        def no_space(self: Path, data: bytes) -> int:
            with full.open("wb", buffering=0) as file:
                return file.write(data)

        monkeypatch.setattr("pathlib.Path.write_bytes", no_space)
    _dub(addon, scene, film)
    addon.finish()
    (job,) = scene.imagintalk.jobs
    assert job.state == "failed"
    assert "the take cannot be written" in job.reason
    assert "choose another folder" in job.reason
    monkeypatch.undo()
    scene.imagintalk.settings.folder = str(tmp_path / "takes")
    bpy.ops.imagintalk.retry()
    addon.finish()
    assert _now(addon)[0] == 1
    assert [path.name for path in (tmp_path / "takes").iterdir()] == ["film_auto_0.wav"]


def test_reloading_a_file_forgets_what_was_not_saved(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    _dub(addon, scene, film, "slow.mp4")
    bpy.ops.wm.revert_mainfile()
    addon.part("tick").tick()
    assert addon.dubs == []
    addon.beat(lambda: addon.session.status is not None and addon.session.status.running == 0)
    assert _now(addon) == (0, [], [])


def test_a_beat_that_fails_is_told_and_the_next_ones_go_on(
    addon: Any, worker: Served, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    _dub(addon, scene, film, "slow.mp4")

    def fails(*_: Any) -> None:
        raise ZeroDivisionError("one by nothing")

    monkeypatch.setattr(addon.part("guard"), "reason_to_wait", fails)
    assert addon.part("tick").tick() is not None
    assert "fault of the add-on: ZeroDivisionError: one by nothing" in addon.session.trouble
    monkeypatch.undo()
    addon.finish()
    assert _now(addon)[0] == 1


def test_a_job_that_another_version_saved_is_told_and_left_alone(addon: Any, scene: Any, tmp_path: Path) -> None:
    item = scene.imagintalk.jobs.add()
    item.name, item.label, item.data = "key", "old", '{"request": []}'
    addon.part("tick").tick()
    assert addon.dubs == []
    assert scene.imagintalk.jobs[0].state == "failed"
    assert "saved by another version of the add-on" in scene.imagintalk.jobs[0].reason
