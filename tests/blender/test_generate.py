"""Generate Dialogue: from a strip on the timeline to a take under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from films import Film
from workers import Served


def put(addon: Any, scene: Any, path: Path, channel: int = 3, start: int = 10) -> Any:
    """A movie strip, active and selected."""
    compat = addon.part("compat")
    strip = compat.strips(compat.editor(scene)).new_movie(path.stem, str(path), channel, start)
    compat.set_active_strip(scene, strip)
    strip.select = True
    return strip


def takes_of(addon: Any, scene: Any) -> list[Any]:
    return list(addon.part("strips").takes_in(scene))


def test_a_take_lands_under_its_strip(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    strip = put(addon, scene, film())
    assert bpy.ops.imagintalk.generate() == {"FINISHED"}
    addon.finish()
    (take,) = takes_of(addon, scene)
    compat = addon.part("compat")
    assert (compat.left(take), compat.right(take)) == (compat.left(strip), compat.right(strip))
    assert take.channel == 2
    (listed,) = scene.imagintalk.takes
    assert (listed.source, listed.seed, listed.note) == (strip["imagintalk_id"], 0, "")
    assert Path(bpy.path.abspath(listed.path)).is_file()
