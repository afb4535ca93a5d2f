"""What the settings do to the request, the file and the timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import pytest
import soundfile
from editing import choose, put, takes_of
from films import Film
from workers import Served


def _generate(addon: Any, scene: Any, film: Film) -> Any:
    put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    request = addon.dubs[-1].request
    addon.finish()
    return request


@pytest.mark.parametrize(("quality", "steps"), [("DRAFT", 16), ("STANDARD", None), ("BEST", 128)])
def test_quality_is_steps(addon: Any, worker: Served, scene: Any, film: Film, quality: str, steps: int | None) -> None:
    scene.imagintalk.settings.quality = quality
    assert _generate(addon, scene, film).steps == steps


def test_the_request_is_what_the_panel_shows(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path
) -> None:
    settings = scene.imagintalk.settings
    settings.emotion, settings.intensity, settings.seed = "sad", 0.25, 12
    settings.use_guidance, settings.guidance = True, 2.5
    voice = tmp_path / "voice.wav"
    voice.write_bytes(film("voice.mp4").read_bytes())
    settings.voice, settings.voice_file = "FILE", str(voice)
    request = _generate(addon, scene, film)
    assert (request.emotion, request.intensity, request.seed, request.guidance) == ("sad", 0.25, 12, 2.5)
    assert request.voice == str(voice.resolve())
    take = scene.imagintalk.takes[0]
    assert (take.emotion, take.seed, take.voice) == ("sad", 12, str(voice.resolve()))


def test_a_voice_that_is_not_there_is_told(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    put(addon, scene, film())
    settings = scene.imagintalk.settings
    settings.voice = "FILE"
    with pytest.raises(RuntimeError, match="expected a sound file of the wanted voice"):
        bpy.ops.imagintalk.generate()
    settings.voice = "PRESET"
    with pytest.raises(RuntimeError, match="no preset is chosen"):
        bpy.ops.imagintalk.generate()
    settings.voice_preset = "nobody"
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert "nobody" in scene.imagintalk.jobs[0].reason


def test_the_voice_of_a_strip(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    path = film("sounding.mp4", sound=True)
    strips = addon.part("compat").strips(scene.sequence_editor)
    choose(addon, scene, strips.new_sound("voice", str(path), 1, 1))
    bpy.ops.imagintalk.voice_from_strip()
    assert (scene.imagintalk.settings.voice, scene.imagintalk.settings.voice_file) == ("FILE", str(path))


def test_faces_are_found_shown_and_chosen(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film())
    bpy.ops.imagintalk.find_faces()
    source = strip["imagintalk_id"]
    found = addon.beat(lambda: addon.session.faces.get(source))
    assert [face.index for face in found.faces] == [0, 1]
    icons = addon.part("faces")._icons
    assert [tuple(icons[name].image_size) for name in (f"{source} 0", f"{source} 1")] == [(160, 160)] * 2
    bpy.ops.imagintalk.choose_face(face=1)
    bpy.ops.imagintalk.generate()
    assert addon.dubs[-1].request.face == 1
    bpy.ops.imagintalk.choose_face(face=-1)
    bpy.ops.imagintalk.generate()
    assert addon.dubs[-1].request.face is None
    addon.finish()


def test_no_face_is_told(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film("refuses.mp4"))
    bpy.ops.imagintalk.find_faces()
    found = addon.beat(lambda: addon.session.faces.get(strip["imagintalk_id"]))
    assert found.reason == "refuses.mp4: no face"


def test_choose_face_from_the_menu_shows_who_there_is(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    """Without a window Blender calls no `invoke`, and opens no popup."""
    from layouts import Layout

    strip = put(addon, scene, film())
    module, layout, told = addon.part("operators.voice_and_face"), Layout(), []
    properties = type("Properties", (), {"is_property_set": lambda self, name: name in self.given, "given": ()})()
    opened = []
    manager = type("Manager", (), {"popup_menu": lambda self, draw, **_: opened.append(draw)})()
    context = type("Context", (), {"scene": scene, "sequencer_scene": scene, "window_manager": manager})()
    operator = type("Operator", (), {"report": lambda self, kind, text: told.append(text), "properties": properties})()
    invoke = module.IMAGINTALK_OT_choose_face.invoke
    assert invoke(operator, context, None) == {"CANCELLED"}
    assert told == ["no faces are known of this strip; press Find Faces first"]
    bpy.ops.imagintalk.find_faces()
    addon.beat(lambda: addon.session.faces.get(strip["imagintalk_id"]))
    invoke(operator, context, None)
    opened.pop()(type("Popup", (), {"layout": layout})(), context)
    assert layout.offered == ["imagintalk.choose_face"] * 3
    properties.given, operator.execute = ("face",), lambda context: {"FINISHED"}
    assert invoke(operator, context, None) == {"FINISHED"}  # as the buttons do, which name a face
    assert opened == []


def test_a_look_for_faces_ends_with_its_connection(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    from layouts import draw

    put(addon, scene, film())
    worker.pause()
    bpy.ops.imagintalk.find_faces()
    assert "looking for faces" in draw(addon, "voice", bpy.context).shown
    bpy.ops.imagintalk.connect()
    assert "looking for faces" not in draw(addon, "voice", bpy.context).shown
    worker.go_on()


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{strip}_{emotion}_{seed}", "film_auto_0.wav"),
        ("{scene}/{strip}: {unknown}", "Scene_film_ {unknown}.wav"),
        ("  ...  ", "take.wav"),
        ("x" * 300, "x" * 100 + ".wav"),
        ("台" * 300, "台" * 66 + ".wav"),  # of 3 bytes each
    ],
    ids=["default", "unknown name", "nothing left", "characters", "bytes"],
)
def test_names_of_files(addon: Any, worker: Served, scene: Any, film: Film, pattern: str, name: str) -> None:
    scene.imagintalk.settings.pattern = pattern
    _generate(addon, scene, film)
    assert Path(scene.imagintalk.takes[0].path).name == name


def test_each_take_of_a_request_is_named_by_its_own_seed(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    settings = scene.imagintalk.settings
    settings.seed, settings.takes, settings.pattern = 5, 3, "{seed}_{strip}"
    _generate(addon, scene, film)
    names = {take.seed: Path(take.path).name for take in scene.imagintalk.takes}
    assert names == {5: "5_film.wav", 6: "6_film.wav", 7: "7_film.wav"}


def test_no_file_is_ever_replaced(addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path) -> None:
    scene.imagintalk.settings.folder = str(tmp_path / "takes")
    (tmp_path / "takes").mkdir()
    (tmp_path / "takes" / "film_auto_0.wav").write_bytes(b"mine")
    _generate(addon, scene, film)
    assert (tmp_path / "takes" / "film_auto_0.wav").read_bytes() == b"mine"
    assert Path(scene.imagintalk.takes[0].path).name == "film_auto_0_2.wav"


def test_a_take_is_brought_to_its_loudness(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    settings = scene.imagintalk.settings
    settings.match_loudness, settings.lufs = True, -27.0
    _generate(addon, scene, film)
    samples, rate = soundfile.read(bpy.path.abspath(scene.imagintalk.takes[0].path))
    assert addon.part("loudness").loudness(samples, rate) == pytest.approx(-27.0, abs=0.1)
    assert len(takes_of(addon, scene)) == 1
