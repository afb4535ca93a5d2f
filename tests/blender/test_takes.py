"""Several takes of one strip: made, heard, kept, compared, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import audible, choose, put, span, takes_of
from films import Film
from workers import Served


@pytest.fixture
def strip(addon: Any, worker: Served, scene: Any, film: Film) -> Any:
    """A strip with one take, made with seed 7."""
    scene.imagintalk.settings.seed = 7
    made = put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.finish()
    return made


def _names(scene: Any) -> list[str]:
    return [take.name for take in scene.imagintalk.takes]


def test_another_feeling_with_the_same_seed_comes_beside_the_old_take(addon: Any, scene: Any, strip: Any) -> None:
    bpy.ops.imagintalk.regenerate(emotion="happy", intensity=0.5, seed="SAME")
    addon.finish()
    old, new = scene.imagintalk.takes
    assert (new.emotion, new.intensity, new.seed) == ("happy", 0.5, 7)
    assert [span(addon, take) for take in takes_of(addon, scene)] == [span(addon, strip)] * 2
    assert [take.channel for take in takes_of(addon, scene)] == [1, 2]
    assert audible(addon, scene) == [new.name]
    assert old.emotion == "auto"


def test_a_new_seed_is_another_one(addon: Any, scene: Any, strip: Any) -> None:
    bpy.ops.imagintalk.regenerate(emotion="sad", seed="NEW")
    addon.finish()
    assert scene.imagintalk.takes[1].seed != 7


def test_regenerating_takes_seed_and_voice_of_the_take_and_the_quality_that_is_set(
    addon: Any, scene: Any, strip: Any
) -> None:
    """So that a draft is made again at its best."""
    settings = scene.imagintalk.settings
    settings.quality, settings.use_guidance, settings.guidance = "BEST", True, 2.0
    settings.seed, settings.voice, settings.voice_preset = 99, "PRESET", "somebody"
    bpy.ops.imagintalk.regenerate(emotion="happy", seed="SAME")
    addon.finish()
    request = addon.dubs[-1].request
    assert (request.steps, request.guidance) == (128, 2.0)
    assert (request.seed, request.voice) == (7, "auto")


def test_a_take_that_is_active_is_the_one_that_is_made_again(addon: Any, scene: Any, strip: Any) -> None:
    bpy.ops.imagintalk.regenerate(emotion="happy", seed="NEW")
    addon.finish()
    (take,) = [one for one in takes_of(addon, scene) if one["imagintalk_take"] == scene.imagintalk.takes[0].name]
    choose(addon, scene, take)
    bpy.ops.imagintalk.regenerate(emotion="angry", seed="SAME")
    addon.finish()
    assert scene.imagintalk.takes[2].seed == 7


def test_the_list_is_of_the_active_strip(addon: Any, scene: Any, strip: Any, film: Film) -> None:
    """Whichever take is marked in it, another strip's is not acted on."""
    listed = addon.part("takes").listed
    assert [take.name for take in listed(scene)] == _names(scene)
    other = put(addon, scene, film("other.mp4"), start=200)
    assert listed(scene) == []
    with pytest.raises(RuntimeError, match="select a take"):
        bpy.ops.imagintalk.delete_take()
    addon.part("compat").set_active_strip(scene, None)
    assert [take.name for take in listed(scene)] == _names(scene)
    choose(addon, scene, other)
    bpy.ops.imagintalk.generate()
    addon.finish()
    choose(addon, scene, strip)  # while the other strip's take is marked
    bpy.ops.imagintalk.keep()
    assert [take.kept for take in scene.imagintalk.takes] == [True, False]


def test_takes_that_come_together_are_one_undo_step_and_one_alone_is_one_too(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    made = [put(addon, scene, film(f"{n}.mp4", seconds=1), start=1 + 50 * n) for n in range(40)]
    choose(addon, scene, *made)
    bpy.ops.ed.undo_push(message="strips")
    bpy.ops.imagintalk.batch()
    bpy.ops.screen.animation_play()  # all takes wait
    addon.beat(lambda: [dub.state for dub in addon.dubs] == ["ready"] * 40, 60)
    bpy.ops.ed.undo_push(message="the last step before")
    bpy.ops.screen.animation_cancel()
    addon.finish()
    assert len(takes_of(addon, scene)) == 40
    choose(addon, scene, made[0])
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    counts = [len(takes_of(addon, scene))]
    for _ in range(2):
        bpy.ops.ed.undo()
        addon.part("tick").tick()
        counts.append(len(takes_of(addon, bpy.context.scene)))
    assert counts == [41, 40, 0]


def test_an_undo_in_the_middle_of_many_takes_loses_none(
    addon: Any, worker: Served, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [put(addon, scene, film(f"{n}.mp4", seconds=1), start=1 + 50 * n) for n in range(3)]
    choose(addon, scene, *made)
    bpy.ops.imagintalk.batch()
    bpy.ops.screen.animation_play()
    addon.beat(lambda: [dub.state for dub in addon.dubs] == ["ready"] * 3)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.ed.undo_push(message="something else")
    bpy.ops.screen.animation_cancel()
    monkeypatch.setattr(addon.part("tick"), "BUDGET_S", 0.0)  # one take in a beat
    addon.part("tick").tick()
    assert len(takes_of(addon, scene)) == 1
    bpy.ops.ed.undo()
    monkeypatch.undo()
    addon.finish()
    assert len(takes_of(addon, bpy.context.scene)) == 3


def test_several_takes_at_once_have_a_seed_each(addon: Any, scene: Any, strip: Any) -> None:
    scene.imagintalk.settings.takes = 3
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert sorted(take.seed for take in scene.imagintalk.takes)[1:] == [7, 8, 9]
    assert len(audible(addon, scene)) == 1


def test_a_and_b(addon: Any, scene: Any, strip: Any) -> None:
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    first, second = _names(scene)
    heard = []
    for _ in range(4):
        bpy.ops.imagintalk.ab()
        heard += audible(addon, scene)
    assert heard == [first, second, first, second]


def test_audition_keep_compare_delete(addon: Any, scene: Any, strip: Any) -> None:
    for emotion in ("happy", "sad"):
        bpy.ops.imagintalk.regenerate(emotion=emotion)
        addon.finish()
    one, two, three = _names(scene)
    bpy.ops.imagintalk.audition(take=one)
    assert audible(addon, scene) == [one]
    bpy.ops.imagintalk.keep(take=two)
    assert [take.kept for take in scene.imagintalk.takes] == [False, True, False]
    assert audible(addon, scene) == [two]
    bpy.ops.imagintalk.compare(take=three)
    assert (audible(addon, scene), scene.imagintalk.other_take) == ([three], two)
    bpy.ops.imagintalk.delete_take(take=three)
    assert (_names(scene), audible(addon, scene)) == ([one, two], [two])  # the kept one is heard again
    assert len(takes_of(addon, scene)) == 2


def test_takes_of_other_strips_are_left_alone(addon: Any, scene: Any, strip: Any, film: Film) -> None:
    put(addon, scene, film("other.mp4"), channel=5, start=20)
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert sorted(audible(addon, scene)) == sorted(_names(scene))


def test_a_take_whose_file_is_gone_is_told(addon: Any, scene: Any, strip: Any) -> None:
    take = scene.imagintalk.takes[0]
    Path(bpy.path.abspath(take.path)).unlink()
    with pytest.raises(RuntimeError, match="its file is gone"):
        bpy.ops.imagintalk.place(take=take.name)
    assert len(scene.imagintalk.takes) == 1


def test_deleting_is_undone(addon: Any, scene: Any, strip: Any) -> None:
    bpy.ops.ed.undo_push(message="before")
    (name,) = _names(scene)
    bpy.ops.imagintalk.delete_take(take=name)
    bpy.ops.ed.undo_push(message="deleted")  # which a window does by itself
    bpy.ops.ed.undo()
    assert _names(bpy.context.scene) == [name]
    assert len(takes_of(addon, bpy.context.scene)) == 1
