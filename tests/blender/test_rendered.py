"""Scene, meta and image strips: rendered by another Blender before they are dubbed."""

from __future__ import annotations

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


def test_a_render_can_be_cancelled(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    choose(addon, scene, _meta(addon, scene, film))
    bpy.ops.imagintalk.generate()
    addon.part("tick").tick()
    bpy.ops.imagintalk.cancel_all()
    assert addon.dubs[0].state == "cancelled"
    time.sleep(0.5)
    addon.part("tick").tick()
    assert addon.dubs[0].state == "cancelled"


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
