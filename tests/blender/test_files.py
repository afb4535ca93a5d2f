"""The files of takes are found wherever the .blend goes, and nothing but them."""

from __future__ import annotations

import os
import shutil
import warnings
import wave
from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import choose, put, takes_of
from films import Film
from workers import Served


def _dub(addon: Any, scene: Any, path: Path, start: int = 10) -> Any:
    strip = put(addon, scene, path, start=start)
    bpy.ops.imagintalk.generate()
    addon.finish()
    return strip


def _only_in_the_list(addon: Any, scene: Any, strip: Any) -> None:
    """Delete a strip and the sounds of its takes."""
    strips = addon.part("compat").strips(scene.sequence_editor)
    for one in [strip, *takes_of(addon, scene)]:
        strips.remove(one)
    bpy.ops.outliner.orphans_purge()


def _save(path: Path, **words: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **words)
    return path


def _open(addon: Any, path: Path) -> Any:
    bpy.ops.wm.open_mainfile(filepath=str(path))
    addon.part("tick").tick()
    return bpy.context.scene


def _absolute(path: str) -> Path:
    return Path(os.path.normpath(bpy.path.abspath(path)))


def _files(scene: Any) -> list[Path]:
    return [_absolute(take.path) for take in scene.imagintalk.takes]


@pytest.fixture
def waiting(addon: Any) -> Path:
    """Where takes of unsaved files wait."""
    return Path(addon.part("paths").unsaved_folder())


def test_a_take_that_is_only_in_the_list_is_found_after_save_as(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _save(tmp_path / "film.blend")
    _only_in_the_list(addon, scene, _dub(addon, scene, film()))
    scene = _open(addon, _save(tmp_path / "else" / "where" / "film.blend"))
    put(addon, scene, film())
    assert bpy.ops.imagintalk.place(take=scene.imagintalk.takes[0].name) == {"FINISHED"}
    assert len(takes_of(addon, scene)) == 1


@pytest.mark.parametrize("saved", ["before the take", "after the take"])
def test_a_take_goes_with_the_folder_of_the_project(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, saved: str
) -> None:
    blend = tmp_path / "project" / "film.blend"
    if saved == "before the take":
        _save(blend)
    _only_in_the_list(addon, scene, _dub(addon, scene, film()))
    _save(blend)
    assert scene.imagintalk.takes[0].path == "//imagintalk/film_auto_0.wav"
    (tmp_path / "project").rename(tmp_path / "moved")
    scene = _open(addon, tmp_path / "moved" / "film.blend")
    assert _files(scene) == [tmp_path / "moved" / "imagintalk" / "film_auto_0.wav"]
    assert _files(scene)[0].is_file()


def test_a_saved_copy_has_its_takes_and_the_open_file_keeps_its_own(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    here = _save(tmp_path / "film.blend")
    _only_in_the_list(addon, scene, _dub(addon, scene, film()))
    copy = _save(tmp_path / "else" / "where" / "copy.blend", copy=True)
    (before,) = _files(scene)
    assert before.is_file()
    assert _files(_open(addon, copy)) == [before]
    assert _files(_open(addon, here)) == []  # it was not saved again


def test_a_copy_of_an_unsaved_file_has_takes_of_its_own(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, waiting: Path
) -> None:
    _dub(addon, scene, film())
    copy = _save(tmp_path / "copy" / "film.blend", copy=True)
    (take,) = takes_of(addon, scene)
    there = [*_files(scene), _absolute(take.sound.filepath)]
    assert there == [waiting / "film_auto_0.wav"] * 2
    assert there[0].is_file()
    real = _save(tmp_path / "project" / "film.blend")
    for blend in (real, copy):
        scene = _open(addon, blend)
        expected = blend.parent / "imagintalk" / "film_auto_0.wav"
        assert [*_files(scene), _absolute(takes_of(addon, scene)[0].sound.filepath)] == [expected] * 2
        assert expected.is_file()
    assert list(waiting.iterdir()) == []


def test_a_save_that_fails_changes_nothing(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, waiting: Path
) -> None:
    _dub(addon, scene, film())
    target = tmp_path / "film.blend"
    (tmp_path / "film.blend@").mkdir()  # where Blender writes first
    with pytest.raises(RuntimeError, match="Cannot open file"):
        _save(target)
    assert _files(scene) == [waiting / "film_auto_0.wav"]
    assert _files(scene)[0].is_file()
    assert not (tmp_path / "imagintalk" / "film_auto_0.wav").exists()


def test_a_take_that_waited_while_the_file_was_saved_comes_beside_it(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, waiting: Path
) -> None:
    put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    bpy.ops.screen.animation_play()
    addon.beat(lambda: addon.dubs[0].state == "ready")
    _save(tmp_path / "project" / "film.blend")
    bpy.ops.screen.animation_cancel()
    addon.finish()
    assert _files(scene) == [tmp_path / "project" / "imagintalk" / "film_auto_0.wav"]
    assert scene.imagintalk.takes[0].path.startswith("//")
    assert list(waiting.iterdir()) == []


def test_another_file_of_the_same_name_is_not_put_in(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _save(tmp_path / "film.blend")
    strip = _dub(addon, scene, film())
    (path,) = _files(scene)
    (tmp_path / "other").mkdir()
    shutil.copy(path, tmp_path / "other" / path.name)
    path.unlink()
    addon.part("compat").strips(scene.sequence_editor).new_sound("mine", str(tmp_path / "other" / path.name), 9, 300)
    choose(addon, scene, strip)
    with pytest.raises(RuntimeError, match="its file is gone"):
        bpy.ops.imagintalk.place()


def test_a_file_that_blender_found_again_is_known(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _save(tmp_path / "film.blend")
    _dub(addon, scene, film())
    (path,) = _files(scene)
    path.rename(tmp_path / "found.wav")
    takes_of(addon, scene)[0].sound.filepath = str(tmp_path / "found.wav")
    assert bpy.ops.imagintalk.place(take=scene.imagintalk.takes[0].name) == {"FINISHED"}
    assert _files(scene) == [tmp_path / "found.wav"]


def test_a_place_that_fails_changes_nothing(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    _only_in_the_list(addon, scene, _dub(addon, scene, film()))
    take = scene.imagintalk.takes[0]
    before = (take.source, take.offset)
    other = put(addon, scene, film("other.mp4"), start=300)
    (path,) = _files(scene)
    path.rename(path.with_suffix(".away"))
    with pytest.raises(RuntimeError, match="its file is gone"):
        bpy.ops.imagintalk.place(take=take.name)
    assert (take.source, take.offset) == before
    path.with_suffix(".away").rename(path)
    bpy.ops.imagintalk.place(take=take.name)
    assert take.source == other["imagintalk_id"]


@pytest.mark.parametrize("first", ["unsaved", "saved"])
def test_undo_to_before_a_save_finds_the_files_where_they_are_now(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, first: str
) -> None:
    if first == "saved":
        _save(tmp_path / "film.blend")
    _dub(addon, scene, film())
    bpy.ops.ed.undo_push(message="something else")
    _save(tmp_path / "else" / "where" / "film.blend")
    bpy.ops.ed.undo()
    addon.part("tick").tick()
    scene = bpy.context.scene
    (take,) = takes_of(addon, scene)
    assert take.sound is not None
    assert [path.is_file() for path in (*_files(scene), _absolute(take.sound.filepath))] == [True, True]


def test_a_save_right_after_such_an_undo_finds_the_files_too(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _dub(addon, scene, film())
    bpy.ops.ed.undo_push(message="something else")
    _save(tmp_path / "else" / "where" / "film.blend")
    bpy.ops.ed.undo()
    _save(tmp_path / "film.blend")  # before a beat of the timer
    scene = bpy.context.scene
    (take,) = takes_of(addon, scene)
    assert take.sound is not None
    assert [path.is_file() for path in (*_files(scene), _absolute(take.sound.filepath))] == [True, True]


def test_a_path_from_a_blend_that_is_yet_to_be_saved_stays(addon: Any, scene: Any, tmp_path: Path) -> None:
    scene.imagintalk.settings.voice_file = "//voice.wav"
    _save(tmp_path / "film.blend")
    assert scene.imagintalk.settings.voice_file == "//voice.wav"


def test_the_voice_of_a_take_is_found_after_the_file_was_saved(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    addon.part("compat").trim(_sounding(addon, scene, film, "sound"), 25, 61)
    bpy.ops.imagintalk.voice_from_strip()
    _dub(addon, scene, film(), start=100)
    _save(tmp_path / "film.blend")
    scene.imagintalk.settings.voice = "FACE"
    bpy.ops.imagintalk.regenerate(emotion="happy", voice="SAME")
    assert addon.dubs[-1].request.voice == str(tmp_path / "imagintalk" / "voice_voice.wav")
    addon.finish()
    assert len(scene.imagintalk.takes) == 2


def test_a_folder_without_slashes_is_beside_the_blend(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    _save(tmp_path / "film.blend")
    scene.imagintalk.settings.folder = "my takes"
    _dub(addon, scene, film())
    assert _files(scene) == [tmp_path / "my takes" / "film_auto_0.wav"]


def test_paths_from_the_blend_are_no_warning(addon: Any, scene: Any, tmp_path: Path) -> None:
    _save(tmp_path / "film.blend")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene.imagintalk.settings.voice_file = "//voice.wav"
        scene.imagintalk.settings.folder = "//takes/"
        scene.imagintalk.takes.add().path = "//take.wav"


def _sounding(addon: Any, scene: Any, film: Film, kind: str) -> Any:
    """A strip of four seconds of sound that begins at frame 1."""
    path = film("sounding.mp4", seconds=4.0, sound=True)
    if kind == "movie":
        return put(addon, scene, path, start=1)
    strip = addon.part("compat").strips(scene.sequence_editor).new_sound("voice", str(path), 1, 1)
    choose(addon, scene, strip)
    return strip


@pytest.mark.parametrize("kind", ["movie", "sound"])
def test_the_voice_of_a_strip_is_what_the_strip_shows(
    addon: Any, scene: Any, film: Film, tmp_path: Path, kind: str
) -> None:
    here, settings = _save(tmp_path / "film.blend"), scene.imagintalk.settings
    strip = _sounding(addon, scene, film, kind)
    bpy.ops.imagintalk.voice_from_strip()
    assert settings.voice_file == "//sounding.mp4"
    addon.part("compat").trim(strip, 25, 61)
    bpy.ops.imagintalk.voice_from_strip()
    assert settings.voice_file == f"//imagintalk/{strip.name.split('.')[0]}_voice.wav"
    with wave.open(bpy.path.abspath(settings.voice_file)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(1.5, abs=0.06)
        assert max(file.readframes(1000)) > 0
    made = _absolute(settings.voice_file)
    _save(tmp_path / "else" / "film.blend")
    assert _absolute(settings.voice_file) == made
    assert bpy.data.filepath != str(here)


def test_the_voice_of_a_strip_comes_beside_the_blend_when_that_is_saved(
    addon: Any, scene: Any, film: Film, tmp_path: Path, waiting: Path
) -> None:
    addon.part("compat").trim(_sounding(addon, scene, film, "sound"), 25, 61)
    bpy.ops.imagintalk.voice_from_strip()
    assert Path(scene.imagintalk.settings.voice_file).parent == waiting
    _save(tmp_path / "project" / "film.blend")
    assert scene.imagintalk.settings.voice_file == "//imagintalk/voice_voice.wav"
    assert (tmp_path / "project" / "imagintalk" / "voice_voice.wav").is_file()
