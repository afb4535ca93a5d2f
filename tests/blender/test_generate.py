"""Generate Dialogue: from a strip on the timeline to a take under it, wherever it is by then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import choose, put, span, takes_of
from films import Film
from workers import Served


def test_a_take_lands_under_its_strip(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film())
    assert bpy.ops.imagintalk.generate() == {"FINISHED"}
    addon.finish()
    (take,) = takes_of(addon, scene)
    assert span(addon, take) == span(addon, strip)
    assert take.channel == 2
    (listed,) = scene.imagintalk.takes
    assert (listed.source, listed.seed, listed.note) == (strip["imagintalk_id"], 0, "")
    assert Path(bpy.path.abspath(listed.path)).is_file()


def test_the_operator_returns_before_anything_is_made(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    put(addon, scene, film("slow.mp4"))
    bpy.ops.imagintalk.generate()
    (dub,) = addon.dubs
    assert dub.open
    addon.beat(lambda: scene.imagintalk.jobs[0].stage == "imagining the speech")
    assert 0 <= scene.imagintalk.jobs[0].fraction < 1
    addon.finish()
    assert (scene.imagintalk.jobs[0].state, scene.imagintalk.jobs[0].fraction) == ("done", 1.0)


def test_a_trimmed_strip_is_dubbed_where_it_shows(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film(seconds=4.0))
    addon.part("compat").trim(strip, 30, 70)
    bpy.ops.imagintalk.generate()
    (dub,) = addon.dubs
    assert dub.request.times[0] == pytest.approx((0.0, 20 / 24))
    assert dub.request.times[-1] == pytest.approx((40 / 24, 60 / 24))
    addon.finish()
    assert [span(addon, take) for take in takes_of(addon, scene)] == [(30, 70)]


def _move(addon: Any, scene: Any, strip: Any) -> None:
    strip.frame_start += 100
    strip.channel = 7


def _rename(addon: Any, scene: Any, strip: Any) -> None:
    strip.name = "another"


def _cut(addon: Any, scene: Any, strip: Any) -> None:
    addon.part("compat").trim(strip, 20, 40)


def _split(addon: Any, scene: Any, strip: Any) -> None:
    strip.split(frame=30, split_method="SOFT")


def _split_and_move(addon: Any, scene: Any, strip: Any) -> None:
    strip.split(frame=30, split_method="SOFT").frame_start += 200


@pytest.mark.parametrize(
    ("change", "spans"),
    [
        (_move, [(110, 158)]),
        (_rename, [(10, 58)]),
        (_cut, [(20, 40)]),
        (_split, [(10, 30), (30, 58)]),
        (_split_and_move, [(10, 30), (230, 258)]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_strip_is_found_again(
    addon: Any, worker: Served, scene: Any, film: Film, change: Any, spans: list[tuple[int, int]]
) -> None:
    """A take begins where the frame that it was made for is now, and shows no more than its strip."""
    strip = put(addon, scene, film("slow.mp4"))
    bpy.ops.imagintalk.generate()
    change(addon, scene, strip)
    addon.finish()
    takes = takes_of(addon, scene)
    assert [span(addon, take) for take in takes] == spans
    starts = [take.frame_start - first for take, (first, _) in zip(takes, spans, strict=True)]
    if change is _cut:
        assert starts == [-10]  # ten frames of the take are before the cut
    if change is _split_and_move:
        assert starts == [0, -20]


def test_a_deleted_strip_leaves_its_take_in_the_list(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film("slow.mp4"))
    bpy.ops.imagintalk.generate()
    addon.part("compat").strips(scene.sequence_editor).remove(strip)
    addon.finish()
    assert takes_of(addon, scene) == []
    (take,) = scene.imagintalk.takes
    assert "its strip was deleted" in take.note
    put(addon, scene, film("other.mp4"), start=100)
    with pytest.raises(RuntimeError, match="not on the timeline: its strip was deleted"):
        bpy.ops.imagintalk.audition()
    assert bpy.ops.imagintalk.place() == {"FINISHED"}
    assert [span(addon, one) for one in takes_of(addon, scene)] == [(100, 148)]
    assert scene.imagintalk.takes[0].note == ""


def test_a_copied_strip_is_another_one(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    """A copy carries the id of what it was copied from until it is dubbed itself."""
    first = put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.finish()
    second = put(addon, scene, film(), start=200)
    second["imagintalk_id"] = first["imagintalk_id"]
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert first["imagintalk_id"] != second["imagintalk_id"]
    assert [span(addon, take) for take in takes_of(addon, scene)] == [(10, 58), (200, 248)]
    assert not any(take.mute for take in takes_of(addon, scene))


@pytest.mark.parametrize(
    ("rule", "first", "taken", "channel"),
    [("BELOW", 1, {2}, 1), ("BELOW", 1, {1, 2}, 4), ("ABOVE", 1, {4}, 5), ("FIXED", 10, {10}, 11)],
)
def test_takes_land_on_a_free_channel(
    addon: Any, worker: Served, scene: Any, film: Film, rule: str, first: int, taken: set[int], channel: int
) -> None:
    strip = put(addon, scene, film())
    scene.imagintalk.settings.channel_rule, scene.imagintalk.settings.channel = rule, first
    for number in taken:
        put(addon, scene, film("other.mp4"), channel=number, start=50)
    choose(addon, scene, strip)
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert [take.channel for take in takes_of(addon, scene)] == [channel]


@pytest.mark.parametrize("inside", [False, True], ids=["timeline", "meta strip"])
def test_takes_land_on_no_channel_that_is_muted_or_locked(
    addon: Any, worker: Served, scene: Any, film: Film, inside: bool
) -> None:
    strip, container = put(addon, scene, film()), scene.sequence_editor
    if inside:
        container = addon.part("compat").strips(container).new_meta("meta", 3, 10)
        strip.move_to_meta(container)
    container.channels[2].mute = container.channels[1].lock = True
    choose(addon, scene, strip)
    bpy.ops.imagintalk.generate()
    addon.finish()
    (take,) = takes_of(addon, scene)
    assert take.channel > strip.channel


def test_without_room_the_take_stays_in_the_list(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film())
    strips = addon.part("compat").strips(scene.sequence_editor)
    for channel in range(1, 129):
        if channel != 3:
            strips.new_effect("full", "COLOR", channel, 1, **_length(strips, 100))
    choose(addon, scene, strip)
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert scene.imagintalk.takes[0].note == "no channel is free there"


def _length(strips: Any, frames: int) -> dict[str, int]:
    name = "length" if "length" in strips.bl_rna.functions["new_effect"].parameters else "frame_end"
    return {name: frames}


def test_the_clips_own_sound_gives_way(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    path = film("sounding.mp4", seconds=4.0, sound=True)
    strip = put(addon, scene, path, channel=4)
    strips = addon.part("compat").strips(scene.sequence_editor)
    sound = strips.new_sound("sound", str(path), 2, 10)
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert sound.mute
    bpy.ops.imagintalk.delete_take(take=scene.imagintalk.takes[0].name)
    assert not sound.mute

    addon.part("compat").trim(strip, 30, 70)  # the sound goes on at both ends
    choose(addon, scene, strip)
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert not sound.mute
    heard = []
    for frame in (20, 29, 30, 50, 69, 70, 71, 80):
        scene.frame_set(frame)
        heard.append(round(sound.volume, 2))
    assert heard == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]


def test_a_strip_under_a_speed_effect_is_refused_and_a_meta_strip_of_both_is_dubbed(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    """A request tells how the strip runs, not how the effect plays it; a meta strip is rendered as it is seen."""
    strip, strips = put(addon, scene, film()), addon.part("compat").strips(scene.sequence_editor)
    bright = strips.new_effect("bright", "GLOW", 5, 10, **_length(strips, 48), **_inputs(strips, strip))
    effect = strips.new_effect("faster", "SPEED", 6, 10, **_length(strips, 48), **_inputs(strips, bright))
    with pytest.raises(RuntimeError, match="film: the effect faster plays it at another speed; put both into a meta"):
        bpy.ops.imagintalk.generate()
    assert addon.dubs == []
    effect.mute = True
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert len(takes_of(addon, scene)) == 1
    effect.mute = False
    meta = strips.new_meta("meta", 8, 10)
    strip.move_to_meta(meta)  # and with it the effects that it is under
    choose(addon, scene, meta)
    bpy.ops.imagintalk.generate()
    addon.finish(120)
    assert addon.dubs[-1].state == "done"


def _inputs(strips: Any, strip: Any) -> dict[str, Any]:
    parameters = strips.bl_rna.functions["new_effect"].parameters
    return {"input1" if "input1" in parameters else "seq1": strip}


@pytest.mark.parametrize("own_rate", [True, False], ids=["at the file's rate", "at the scene's"])
def test_a_take_begins_with_its_picture_though_the_scenes_rate_was_changed_meanwhile(
    addon: Any, worker: Served, scene: Any, film: Film, own_rate: bool
) -> None:
    from timeline import add_movie

    strip = add_movie(addon, scene, film("slow.mp4", seconds=4.0), 10, own_rate)
    addon.part("compat").trim(strip, 34, 82)  # seconds 1 to 3
    choose(addon, scene, strip)
    bpy.ops.imagintalk.generate()
    scene.render.fps = 48
    addon.finish()
    (take,) = takes_of(addon, scene)
    start = 10 + 48 if own_rate else 10 + 24  # one second, or one second's frames, after the strip's content begins
    assert take.frame_start == start
    assert "regenerate it" in scene.imagintalk.takes[0].warnings or own_rate
    assert span(addon, take) == ((58, 154) if own_rate else (34, 82))


def test_what_cannot_be_dubbed_is_told(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    path = film()
    put(addon, scene, path)
    path.unlink()
    with pytest.raises(RuntimeError, match="the strip's file is gone; relink it"):
        bpy.ops.imagintalk.generate()
    strips = addon.part("compat").strips(scene.sequence_editor)
    choose(addon, scene, strips.new_effect("color", "COLOR", 9, 1, **_length(strips, 50)))
    with pytest.raises(RuntimeError, match="Select a movie, image, scene or meta strip"):
        bpy.ops.imagintalk.generate()
    assert addon.dubs == []
