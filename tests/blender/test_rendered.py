"""Scene, meta and image strips: rendered by another Blender before they are dubbed."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import bpy
import numpy as np
import pytest
from editing import choose, in_sequencer, put, span, takes_of
from films import Film
from workers import Served


def _meta(addon: Any, scene: Any, film: Film) -> Any:
    choose(addon, scene, put(addon, scene, film("inner9.mp4", seconds=1.0), channel=2))
    with in_sequencer():
        bpy.ops.sequencer.meta_make()
    meta = addon.part("compat").active_strip(scene)
    (inner,) = addon.part("compat").strips(meta)
    put(addon, scene, film("beside.mp4"), channel=8)  # must not be seen
    assert inner.parent_meta() == meta
    return meta


def _scene_strip(addon: Any, scene: Any, film: Film) -> Any:
    """A scene whose own sequencer shows a film."""
    compat = addon.part("compat")
    other = bpy.data.scenes.new("other")
    other.render.fps, other.frame_end = 24, 24
    other.render.resolution_x, other.render.resolution_y = 128, 96
    compat.strips(compat.editor(other)).new_movie("inner", str(film("inner9.mp4", seconds=1.0)), 2, 1)
    strip = compat.strips(scene.sequence_editor).new_scene("scene", other, 5, 10)
    strip.scene_input = "SEQUENCER"
    return strip


def _images(addon: Any, scene: Any, film: Film) -> Any:
    strips = addon.part("compat").strips(scene.sequence_editor)
    folder = film("inner9.mp4", seconds=1.0).parent / "images"
    folder.mkdir()
    for number in range(24):
        image = bpy.data.images.new("picture", 64, 48)
        image.pixels.foreach_set(np.full(64 * 48 * 4, 0.2 + number / 40, np.float32))
        image.filepath_raw, image.file_format = str(folder / f"{number:03}.png"), "PNG"
        image.save()
        bpy.data.images.remove(image)
    strip = strips.new_image("images", str(folder / "000.png"), 5, 10)
    for number in range(1, 24):
        strip.elements.append(f"{number:03}.png")
    addon.part("compat").trim(strip, 10, 34)
    return strip


@pytest.mark.parametrize("make", [_meta, _scene_strip, _images])
def test_what_is_no_movie_is_rendered_in_the_background_and_dubbed(
    addon: Any, worker: Served, scene: Any, film: Film, make: Any
) -> None:
    strip = make(addon, scene, film)
    choose(addon, scene, strip)
    began = time.perf_counter()
    assert bpy.ops.imagintalk.generate() == {"FINISHED"}
    assert time.perf_counter() - began < 0.3
    assert addon.dubs[0].state == "rendering"
    addon.beat(lambda: addon.dubs[0].state != "rendering", 60)
    clip = Path(addon.dubs[0].request.path)
    with av.open(str(clip)) as file:
        frames = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
        assert float(file.streams.video[0].average_rate) == pytest.approx(24)
    assert len(frames) == 24
    brightest = [int(frame.max()) for frame in frames]
    assert brightest[-1] > brightest[0] + 40  # it is the inner picture, which grows brighter
    addon.finish()
    (take,) = takes_of(addon, scene)
    assert span(addon, take) == span(addon, strip) == (10, 34)
    assert not clip.exists()


def _folders() -> list[Path]:
    """Of renders, whatever has become of them."""
    return list(Path(tempfile.gettempdir()).glob("imagintalk-rendered-*"))


def _metas(addon: Any, scene: Any, film: Film, count: int) -> list[Any]:
    made = []
    for number in range(count):
        choose(addon, scene, put(addon, scene, film("inner9.mp4", seconds=1.0), channel=2, start=10 + 50 * number))
        with in_sequencer():
            bpy.ops.sequencer.meta_make()
        made.append(addon.part("compat").active_strip(scene))
    return made


def test_strips_are_rendered_one_at_a_time(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    metas = _metas(addon, scene, film, 3)
    choose(addon, scene, *metas)
    bpy.ops.imagintalk.batch()
    renders, most = addon.part("rendering")._renders, 0

    def done() -> bool:
        nonlocal most
        most = max(most, sum(not render.ended for render in renders.values()))
        return not any(dub.open for dub in addon.dubs)

    addon.beat(done, 90)
    assert most == 1
    assert sorted(span(addon, take) for take in takes_of(addon, scene)) == sorted(span(addon, meta) for meta in metas)
    addon.beat(lambda: not renders)
    assert _folders() == []


@pytest.mark.parametrize("moment", ["at once", "rendering", "rendered"])
def test_a_render_that_is_cancelled_leaves_nothing(
    addon: Any, worker: Served, scene: Any, film: Film, moment: str
) -> None:
    choose(addon, scene, _meta(addon, scene, film))
    worker.pause()
    bpy.ops.imagintalk.generate()
    addon.beat(_folders)
    if moment == "rendering":
        addon.beat(lambda: addon.dubs[0].fraction > 0.1, 60)
    if moment == "rendered":
        addon.beat(lambda: addon.dubs[0].state != "rendering", 60)
    bpy.ops.imagintalk.cancel_all()
    assert addon.dubs[0].state == "cancelled"
    addon.beat(lambda: not _folders())
    worker.go_on()
    addon.beat(lambda: addon.session.worker == "ready")
    assert addon.dubs[0].state == "cancelled"
    assert addon.part("rendering")._renders == {}


def test_a_render_ends_with_its_file(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    choose(addon, scene, _meta(addon, scene, film))
    bpy.ops.imagintalk.generate()
    addon.beat(_folders)
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("tick").tick()
    assert _folders() == []


@pytest.mark.parametrize("moment", ["waiting", "at the worker"])
def test_a_clip_that_is_gone_after_a_reboot_is_rendered_again(
    addon: Any, worker: Served, scene: Any, film: Film, tmp_path: Path, moment: str
) -> None:
    scene.imagintalk.settings.quality = "BEST"
    if moment == "waiting":
        worker.stop()
    else:  # it comes after another
        put(addon, scene, film("slow.mp4"), channel=9, start=200)
        bpy.ops.imagintalk.generate()
    choose(addon, scene, _meta(addon, scene, film))
    bpy.ops.imagintalk.generate()
    dub = addon.dubs[-1]
    addon.beat(lambda: dub.state == ("waiting" if moment == "waiting" else "queued"), 60)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    addon.part("tick").tick()
    for folder in _folders():
        shutil.rmtree(folder)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film.blend"))
    addon.part("tick").tick()
    again = Served(worker.state) if moment == "waiting" else None
    addon.finish(90)
    if again is not None:
        again.stop()
    scene = bpy.context.scene
    assert {job.state for job in scene.imagintalk.jobs} == {"done"}
    assert (10, 34) in [span(addon, take) for take in takes_of(addon, scene)]


@pytest.mark.parametrize("make", [_meta, _scene_strip, _images])
def test_faces_are_found_in_what_is_no_movie(addon: Any, worker: Served, scene: Any, film: Film, make: Any) -> None:
    strip = make(addon, scene, film)
    choose(addon, scene, strip)
    bpy.ops.imagintalk.find_faces()
    source = strip["imagintalk_id"]
    assert source in addon.session.looks
    found = addon.beat(lambda: addon.session.faces.get(source), 60)
    assert ([face.index for face in found.faces], found.reason) == ([0, 1], "")
    assert addon.session.looks == {}
    addon.beat(lambda: not _folders())


def test_a_strip_within_a_meta_strip_gets_its_take_beside_it(
    addon: Any, worker: Served, scene: Any, film: Film
) -> None:
    meta = _meta(addon, scene, film)
    (inner,) = addon.part("compat").strips(meta)
    choose(addon, scene, inner)
    bpy.ops.imagintalk.generate()
    addon.finish()
    (take,) = takes_of(addon, scene)
    assert take.parent_meta() == meta
    assert (span(addon, take), take.channel) == (span(addon, inner), 1)
