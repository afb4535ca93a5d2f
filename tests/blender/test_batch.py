"""Many strips at once, and the list of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import audible, choose, put, span, takes_of
from films import Film
from workers import Served


def _states(scene: Any) -> list[str]:
    return [job.state for job in scene.imagintalk.jobs]


def test_each_selected_strip_gets_its_take(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    made = [put(addon, scene, film(f"{n}.mp4", seconds=1 + n / 4), start=1 + 100 * n) for n in range(6)]
    choose(addon, scene, *made)
    bpy.ops.imagintalk.batch()
    addon.beat(lambda: len(scene.imagintalk.jobs) == 6)
    addon.finish()
    assert [span(addon, take) for take in takes_of(addon, scene)] == [span(addon, strip) for strip in made]
    assert _states(scene) == ["done"] * 6


def _press(addon: Any, scene: Any, film: Film, count: int = 3) -> None:
    """Batch Dub, and no beat after it: no strip has been looked at."""
    choose(addon, scene, *[put(addon, scene, film(f"{n}.mp4"), start=1 + 100 * n) for n in range(count)])
    bpy.ops.ed.undo_push(message="strips")
    bpy.ops.imagintalk.batch()
    bpy.ops.ed.undo_push(message="Batch Dub")  # which a window does by itself


def test_a_file_that_is_saved_right_after_the_press_has_all_of_the_batch(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _press(addon, scene, film)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("tick").tick()
    assert addon.dubs == []
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    addon.part("tick").tick()
    addon.finish()
    assert _states(bpy.context.scene) == ["done"] * 3
    assert len(takes_of(addon, bpy.context.scene)) == 3


@pytest.mark.parametrize("saved", [False, True], ids=["goes on", "saved at once"])
def test_undo_right_after_the_press_loses_none_of_the_batch(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, saved: bool
) -> None:
    """As of single jobs: what was asked for is cancelled in the list, not by undo."""
    _press(addon, scene, film)
    bpy.ops.ed.undo()  # the strips have lost their ids
    if saved:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
        addon.part("tick").tick()
    addon.finish()
    assert _states(bpy.context.scene) == ["done"] * 3
    assert len(takes_of(addon, bpy.context.scene)) == 3


def test_undo_between_a_take_and_its_undo_step_inserts_it_anew(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    scene.imagintalk.settings.takes = 3
    put(addon, scene, film())
    bpy.ops.ed.undo_push(message="a strip")
    bpy.ops.imagintalk.generate()
    bpy.ops.ed.undo_push(message="Generate Dialogue")
    addon.beat(lambda: len(takes_of(addon, scene)) == 2)
    bpy.ops.ed.undo()
    addon.finish()
    scene = bpy.context.scene
    assert sorted(take.seed for take in scene.imagintalk.takes) == [0, 1, 2]
    assert len(takes_of(addon, scene)) == 3


def test_strips_that_wait_to_be_looked_at_can_be_cancelled(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    _press(addon, scene, film)
    bpy.ops.imagintalk.cancel_all()
    addon.finish()
    assert _states(scene) == ["cancelled"] * 3
    assert takes_of(addon, scene) == []


def test_retry_leaves_cancelled_jobs_alone_and_their_own_button_does_not(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    _press(addon, scene, film, count=2)
    bpy.ops.imagintalk.cancel(key=addon.dubs[0].key)
    addon.finish()
    assert sorted(_states(scene)) == ["cancelled", "done"]
    assert not bpy.ops.imagintalk.retry.poll()
    cancelled = next(job.name for job in scene.imagintalk.jobs if job.state == "cancelled")
    assert bpy.ops.imagintalk.retry_job(key=cancelled) == {"FINISHED"}
    addon.finish()
    assert _states(scene) == ["done"] * 2
    assert not bpy.ops.imagintalk.retry_job.poll()


def test_pieces_of_a_split_are_dubbed_each_for_itself(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    first = put(addon, scene, film())
    bpy.ops.imagintalk.generate()  # both pieces will have its id
    addon.finish()
    second = first.split(frame=30, split_method="SOFT")
    choose(addon, scene, first, second)
    scene.imagintalk.settings.emotion = "happy"
    bpy.ops.imagintalk.batch()
    addon.finish()
    happy = {take.name for take in scene.imagintalk.takes if take.emotion == "happy"}
    made = [take for take in takes_of(addon, scene) if take["imagintalk_take"] in happy]
    assert [span(addon, take) for take in made] == [(10, 30), (30, 58)]
    assert audible(addon, scene) == sorted(happy)


def test_a_clip_that_fails_costs_one_job_and_is_tried_again(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    bad, good = put(addon, scene, film("refuses.mp4")), put(addon, scene, film("good.mp4"), start=100)
    choose(addon, scene, bad, good)
    bpy.ops.imagintalk.batch()
    addon.finish()
    assert sorted(_states(scene)) == ["done", "failed"]
    (failed,) = [job for job in scene.imagintalk.jobs if job.state == "failed"]
    assert failed.reason == "refuses.mp4: no face"
    bad.filepath = str(film("better.mp4"))
    bpy.ops.imagintalk.retry()
    addon.finish()
    assert sorted(_states(scene)) == ["done", "done"]  # the strip was relinked
    assert len(takes_of(addon, scene)) == 2


def test_cancel_one_and_all(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    made = [put(addon, scene, film(f"slow{n}.mp4"), start=1 + 100 * n) for n in range(4)]
    choose(addon, scene, *made)
    scene.imagintalk.settings.quality = "BEST"
    bpy.ops.imagintalk.batch()
    addon.beat(lambda: "running" in _states(scene))
    running = next(job.name for job in scene.imagintalk.jobs if job.state == "running")
    bpy.ops.imagintalk.cancel(key=running)
    assert scene.imagintalk.jobs[running].state == "cancelled"
    addon.beat(lambda: "running" in _states(scene))  # the next one's turn
    bpy.ops.imagintalk.cancel_all()
    assert _states(scene) == ["cancelled"] * 4
    addon.beat(lambda: addon.session.status is not None and addon.session.status.running == 0)
    assert takes_of(addon, scene) == []
    bpy.ops.imagintalk.clear()
    assert _states(scene) == []


@pytest.mark.parametrize("gone", ["one.mp4", "both"])
def test_files_that_are_gone_are_told_and_the_rest_is_dubbed(
    addon: Any, worker: Served, scene: Any, film: Film, gone: str
) -> None:
    made = [put(addon, scene, film(name), start=1 + 100 * n) for n, name in enumerate(("one.mp4", "two.mp4"))]
    choose(addon, scene, *made)
    for name in ("one.mp4",) if gone == "one.mp4" else ("one.mp4", "two.mp4"):
        film(name).unlink()
    bpy.ops.imagintalk.batch()
    addon.finish()
    reasons = [job.reason for job in scene.imagintalk.jobs if job.state == "failed"]
    assert len(reasons) == (1 if gone == "one.mp4" else 2)
    assert all("the strip's file is gone; relink it" in reason for reason in reasons)
    assert len(takes_of(addon, scene)) == (1 if gone == "one.mp4" else 0)


def test_a_file_that_goes_after_it_was_queued_fails_its_own_job(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    path, other = film("going.mp4"), film("staying.mp4")
    made = [put(addon, scene, path), put(addon, scene, other, start=100)]
    choose(addon, scene, *made)
    worker.pause()
    bpy.ops.imagintalk.batch()
    addon.beat(lambda: len(addon.dubs) == 2)
    path.unlink()
    worker.go_on()
    addon.finish()
    assert sorted(_states(scene)) == ["done", "failed"]
    assert "going.mp4" in next(job.reason for job in scene.imagintalk.jobs if job.state == "failed")
