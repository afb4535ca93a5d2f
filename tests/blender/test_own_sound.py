"""A clip's own sound gives way where takes lie, and is as its user had it everywhere else and afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
import soundfile
from editing import choose, duplicate, put, takes_of
from films import Film
from workers import Served

CUT = (30, 70)
"""Frames that the strip shows; its sound goes on from 10 to 106."""


@pytest.fixture
def clip(addon: Any, worker: Served, scene: Any, film: Film) -> tuple[Any, Any]:
    """A strip of four seconds of which the middle is shown, and its whole sound."""
    path = film("sounding.mp4", seconds=4.0, sound=True)
    strip = put(addon, scene, path, channel=4)
    sound = addon.part("compat").strips(scene.sequence_editor).new_sound("sound", str(path), 2, 10)
    addon.part("compat").trim(strip, *CUT)
    return strip, sound


def _dub(addon: Any, scene: Any, strip: Any) -> None:
    choose(addon, scene, strip)
    bpy.ops.imagintalk.generate()
    addon.finish()


def _delete_takes(scene: Any) -> None:
    for name in [take.name for take in scene.imagintalk.takes]:
        bpy.ops.imagintalk.delete_take(take=name)


def _volumes(scene: Any, sound: Any, frames: range) -> list[float]:
    found = []
    for frame in frames:
        scene.frame_set(frame)
        found.append(round(sound.volume, 3))
    return found


def _keys(addon: Any, scene: Any, sound: Any) -> list[tuple[Any, ...]]:
    """All of the volume's animation that a user made or sees."""
    curve = addon.part("compat").curves(scene).find(sound.path_from_id("volume"))
    if curve is None:
        return []
    return [
        (*key.co, key.interpolation, *key.handle_left, *key.handle_right, key.handle_left_type, key.type)
        for key in curve.keyframe_points
    ]


def test_a_volume_that_was_set_holds_around_the_take_and_comes_back(
    addon: Any, scene: Any, clip: tuple[Any, Any]
) -> None:
    strip, sound = clip
    sound.volume = 0.4
    _dub(addon, scene, strip)
    assert _volumes(scene, sound, range(28, 73)) == [0.4, 0.4] + [0.0] * 41 + [0.4, 0.4]
    _delete_takes(scene)
    assert _volumes(scene, sound, range(28, 73)) == [0.4] * 45
    assert _keys(addon, scene, sound) == []
    assert list(sound.keys()) == []


def test_keys_of_the_volume_hold_around_the_take_and_come_back(addon: Any, scene: Any, clip: tuple[Any, Any]) -> None:
    strip, sound = clip
    for frame, volume in ((12, 1.0), (40, 0.3), (50, 2.0), (100, 0.5)):
        sound.volume = volume
        sound.keyframe_insert("volume", frame=frame)
    keys, around = _keys(addon, scene, sound), [*range(5, 30), *range(71, 120)]
    before = _volumes(scene, sound, around)
    assert len(set(before)) > 40
    _dub(addon, scene, strip)
    assert _volumes(scene, sound, around) == pytest.approx(before, abs=2e-3)
    assert set(_volumes(scene, sound, range(30, 71))) == {0.0}
    _delete_takes(scene)
    assert _keys(addon, scene, sound) == keys
    assert _volumes(scene, sound, around) == before


def test_a_volume_that_is_changed_beside_the_take_is_not_lost(addon: Any, scene: Any, clip: tuple[Any, Any]) -> None:
    strip, sound = clip
    _dub(addon, scene, strip)
    for frame, volume in ((80, 1.0), (90, 0.2)):
        sound.volume = volume
        sound.keyframe_insert("volume", frame=frame)
    wanted = _volumes(scene, sound, range(72, 110))
    assert wanted[-1] == 0.2
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    assert _volumes(scene, sound, range(72, 110)) == pytest.approx(wanted, abs=2e-3)
    _delete_takes(scene)
    assert _volumes(scene, sound, range(72, 110)) == pytest.approx(wanted, abs=2e-3)
    assert _volumes(scene, sound, range(20, 72)) == [1.0] * 52


def test_the_sound_that_goes_on_under_the_second_piece_of_a_split_gives_way_there_too(
    addon: Any, scene: Any, clip: tuple[Any, Any]
) -> None:
    strip, sound = clip
    strip.split(frame=50, split_method="SOFT")
    for piece in addon.part("compat").all_strips(scene):
        piece.select = piece.type == "MOVIE"
    bpy.ops.imagintalk.batch()
    addon.finish()
    assert len(takes_of(addon, scene)) == 2
    assert set(_volumes(scene, sound, range(30, 70))) == {0.0}
    assert [_volumes(scene, sound, range(at, at + 1)) for at in (29, 71)] == [[1.0], [1.0]]


def test_a_sound_that_was_split_after_the_dub_is_silent_under_a_take_of_each_piece(
    addon: Any, scene: Any, clip: tuple[Any, Any]
) -> None:
    strip, sound = clip
    _dub(addon, scene, strip)
    sounds = [sound, sound.split(frame=50, split_method="SOFT")]
    strip.split(frame=50, split_method="SOFT")
    choose(addon, scene, strip)
    bpy.ops.imagintalk.regenerate(emotion="happy")
    addon.finish()
    for one, frames in zip(sounds, (range(30, 50), range(50, 70)), strict=True):
        assert one.mute or set(_volumes(scene, one, frames)) == {0.0}
    _delete_takes(scene)
    assert [_volumes(scene, one, range(10, 106)) for one in sounds] == [[1.0] * 96] * 2


def test_the_silence_moves_with_the_sound(addon: Any, scene: Any, clip: tuple[Any, Any]) -> None:
    strip, sound = clip
    sound.volume = 0.5
    _dub(addon, scene, strip)
    sound.name = "renamed"
    for moved in (strip, sound, *takes_of(addon, scene)):
        moved.frame_start += 200
    _dub(addon, scene, strip)
    assert _volumes(scene, sound, range(228, 273)) == [0.5, 0.5] + [0.0] * 41 + [0.5, 0.5]
    _delete_takes(scene)
    assert _volumes(scene, sound, range(228, 273)) == [0.5] * 45


def test_a_sound_that_its_user_muted_stays_muted(addon: Any, scene: Any, clip: tuple[Any, Any]) -> None:
    strip, sound = clip
    sound.mute = True
    _dub(addon, scene, strip)
    _delete_takes(scene)
    assert sound.mute
    assert list(sound.keys()) == []


def test_the_copys_sound_is_not_touched(addon: Any, scene: Any, clip: tuple[Any, Any]) -> None:
    strip, sound = clip
    _, other = duplicate(addon, scene, strip, sound, by=200)
    _dub(addon, scene, strip)
    assert set(_volumes(scene, other, range(210, 306))) == {1.0}
    assert set(_volumes(scene, sound, range(30, 71))) == {0.0}


@pytest.mark.parametrize("whole", [True, False], ids=["whole sound", "part of it"])
def test_it_comes_back_when_the_takes_strip_is_deleted_by_hand(
    addon: Any, scene: Any, clip: tuple[Any, Any], whole: bool
) -> None:
    strip, sound = clip
    sound.volume = 0.5
    if whole:
        addon.part("compat").trim(sound, *CUT)
    _dub(addon, scene, strip)
    assert sound.mute == whole
    addon.part("tick").tick()  # which comes before any hand
    addon.part("compat").strips(scene.sequence_editor).remove(takes_of(addon, scene)[0])
    addon.part("tick").tick()
    assert not sound.mute
    assert _volumes(scene, sound, range(28, 73)) == [0.5] * 45


def test_it_is_heard_so(addon: Any, scene: Any, clip: tuple[Any, Any], tmp_path: Path) -> None:
    """In the mixdown, which asks for the volume itself."""
    strip, sound = clip
    sound.volume = 0.5
    plain = _loudness(scene, tmp_path)
    _dub(addon, scene, strip)
    for take in takes_of(addon, scene):
        take.mute = True
    silenced = _loudness(scene, tmp_path)
    assert silenced[22:58].max() < 1e-3 < 0.05 < plain[1:].min()
    assert silenced[:18] == pytest.approx(plain[:18], rel=0.02)
    assert silenced[64:88] == pytest.approx(plain[64:88], rel=0.02)
    _delete_takes(scene)
    assert _loudness(scene, tmp_path)[:88] == pytest.approx(plain[:88], rel=0.02)


def _loudness(scene: Any, folder: Path) -> Any:
    """RMS of each frame from 10 to before 106."""
    scene.frame_start, scene.frame_end = 10, 105
    mixed = folder / "mixed.wav"
    bpy.ops.sound.mixdown(filepath=str(mixed), container="WAV", codec="PCM", format="S16")
    samples, rate = soundfile.read(mixed, dtype="float64", always_2d=True)
    count = rate // 24
    frames = samples[: len(samples) // count * count, 0].reshape(-1, count)
    return np.sqrt((frames**2).mean(axis=1))
