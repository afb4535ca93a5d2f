"""A copy of a dubbed strip is a strip of its own: it shares neither id nor takes with the one it was copied from."""

from __future__ import annotations

from typing import Any

import bpy
import pytest
from editing import audible, choose, duplicate, put, span, takes_of
from films import Film
from workers import Served


@pytest.fixture
def strip(addon: Any, worker: Served, scene: Any, film: Film) -> Any:
    """A strip with one take."""
    made = put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.finish()
    return made


def test_the_original_keeps_its_takes_when_it_is_regenerated(addon: Any, scene: Any, strip: Any) -> None:
    source = strip["imagintalk_id"]
    (copy,) = duplicate(addon, scene, strip, by=100)
    choose(addon, scene, strip)
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    assert strip["imagintalk_id"] == source != copy["imagintalk_id"]
    assert [take.source for take in scene.imagintalk.takes] == [source] * 2
    assert [span(addon, take) for take in takes_of(addon, scene)] == [span(addon, strip)] * 2
    assert audible(addon, scene) == [scene.imagintalk.takes[1].name]


def test_a_renamed_original_is_known_by_the_take_under_it(addon: Any, scene: Any, strip: Any) -> None:
    source = strip["imagintalk_id"]
    (copy,) = duplicate(addon, scene, strip, by=100)
    strip.name, copy.name = "a name that is long", "a"
    addon.part("tick").tick()
    assert strip["imagintalk_id"] == source != copy["imagintalk_id"]


def test_a_copy_above_the_original_gets_nothing_of_its_takes(addon: Any, scene: Any, strip: Any) -> None:
    source = strip["imagintalk_id"]
    (copy,) = duplicate(addon, scene, strip, by=0)
    choose(addon, scene, copy)
    addon.part("tick").tick()
    assert strip["imagintalk_id"] == source != copy["imagintalk_id"]
    assert addon.part("takes").listed(scene) == []
    assert takes_of(addon, scene)[0]["imagintalk_source"] == source


def test_takes_that_were_copied_too_are_the_copys_own(addon: Any, scene: Any, strip: Any) -> None:
    (take,) = takes_of(addon, scene)
    copy, copied = duplicate(addon, scene, strip, take, by=100)
    choose(addon, scene, strip)
    bpy.ops.imagintalk.delete_take(take=scene.imagintalk.takes[0].name)
    assert takes_of(addon, scene) == [copied]
    (left,) = scene.imagintalk.takes
    assert (left.name, left.source) == (copied["imagintalk_take"], copy["imagintalk_id"])
    assert left.source == copied["imagintalk_source"] != strip["imagintalk_id"]
    assert bpy.ops.imagintalk.place(take=left.name) == {"FINISHED"}
    assert [span(addon, one) for one in takes_of(addon, scene)] == [span(addon, copy)]


def test_placing_the_originals_take_leaves_the_copys_where_it_is(addon: Any, scene: Any, strip: Any) -> None:
    (take,) = takes_of(addon, scene)
    copy, copied = duplicate(addon, scene, strip, take, by=100)
    choose(addon, scene, strip)
    bpy.ops.imagintalk.place(take=take["imagintalk_take"])
    assert [span(addon, one) for one in takes_of(addon, scene)] == [span(addon, strip), span(addon, copy)]
    assert copied in takes_of(addon, scene)


def test_a_split_is_no_copy_and_a_copied_split_is_one_strip(addon: Any, scene: Any, strip: Any) -> None:
    source = strip["imagintalk_id"]
    right = strip.split(frame=30, split_method="SOFT")
    copies = duplicate(addon, scene, strip, right, by=100)
    addon.part("tick").tick()
    assert strip["imagintalk_id"] == right["imagintalk_id"] == source
    assert copies[0]["imagintalk_id"] == copies[1]["imagintalk_id"] != source


def test_a_copy_made_while_the_take_is_made_gets_none(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film("slow.mp4"))
    bpy.ops.imagintalk.generate()
    (copy,) = duplicate(addon, scene, strip, by=100)
    addon.finish()
    assert [span(addon, one) for one in takes_of(addon, scene)] == [span(addon, strip)]
    assert copy["imagintalk_id"] != strip["imagintalk_id"]


def test_a_full_copy_of_the_scene_has_strips_and_takes_of_its_own(addon: Any, scene: Any, strip: Any) -> None:
    source = strip["imagintalk_id"]
    bpy.ops.scene.new(type="FULL_COPY")
    (other,) = set(bpy.data.scenes) - {scene}
    addon.part("compat").show_in_sequencer(bpy.context, scene)
    choose(addon, scene, strip)
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    assert strip["imagintalk_id"] == source
    assert [len(one.imagintalk.takes) for one in (scene, other)] == [2, 1]
    assert audible(addon, scene) == [scene.imagintalk.takes[1].name]
    bpy.ops.imagintalk.delete_take(take=scene.imagintalk.takes[0].name)
    assert [len(takes_of(addon, one)) for one in (scene, other)] == [1, 1]
    assert not takes_of(addon, other)[0].mute


def test_a_full_copy_of_the_scene_has_none_of_its_jobs(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    put(addon, scene, film("slow.mp4"))
    bpy.ops.imagintalk.generate()
    addon.beat(lambda: scene.imagintalk.jobs[0].state == "running")
    bpy.ops.scene.new(type="FULL_COPY")
    (other,) = set(bpy.data.scenes) - {scene}
    addon.finish()
    assert [job.state for job in scene.imagintalk.jobs] == ["done"]
    assert [job.state for job in other.imagintalk.jobs] == []
    assert len(takes_of(addon, scene)) == 1


def test_undo_gives_an_id_back_to_the_strip_that_was_dubbed(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    """Though another has got its name since."""
    strip = put(addon, scene, film("slow.mp4"))
    strip.name = "dubbed"
    bpy.ops.ed.undo_push(message="named")
    bpy.ops.imagintalk.generate()
    bpy.ops.ed.undo_push(message="Generate Dialogue")
    bpy.ops.ed.undo()
    strips = addon.part("compat").strips(bpy.context.scene.sequence_editor)
    strips["dubbed"].name = "renamed"
    put(addon, bpy.context.scene, film("other.mp4"), start=100).name = "dubbed"
    addon.finish()
    assert [span(addon, take) for take in takes_of(addon, bpy.context.scene)] == [span(addon, strips["renamed"])]


def test_undo_gives_an_id_back_to_one_strip_though_two_jobs_know_it(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    """And though another strip shows the same."""
    path = film("slow.mp4")
    twin, strip = put(addon, scene, path, start=100), put(addon, scene, path)
    twin.name, strip.name = "twin", "dubbed"
    bpy.ops.ed.undo_push(message="named")
    for _ in range(2):
        bpy.ops.imagintalk.generate()
        bpy.ops.ed.undo_push(message="Generate Dialogue")
    for _ in range(2):
        bpy.ops.ed.undo()
    addon.finish()
    strips = addon.part("compat").strips(bpy.context.scene.sequence_editor)
    assert "imagintalk_id" in strips["dubbed"] and "imagintalk_id" not in strips["twin"]
    assert [span(addon, take) for take in takes_of(addon, bpy.context.scene)] == [span(addon, strips["dubbed"])] * 2
