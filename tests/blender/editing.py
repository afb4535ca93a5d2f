"""What tests do to a timeline, in any version of Blender."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy


@contextmanager
def in_sequencer() -> Iterator[None]:
    """For operators that want to be called from the sequencer's area."""
    window = bpy.context.window
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        yield


def put(addon: Any, scene: Any, path: Path, channel: int = 3, start: int = 10) -> Any:
    """A movie strip, active and alone selected."""
    compat = addon.part("compat")
    strip = compat.strips(compat.editor(scene)).new_movie(path.stem, str(path), channel, start)
    choose(addon, scene, strip)
    return strip


def choose(addon: Any, scene: Any, *strips: Any) -> None:
    """Select these strips; the first is the active one."""
    compat = addon.part("compat")
    for other in compat.all_strips(scene):
        other.select = other in strips
    compat.set_active_strip(scene, strips[0])


def takes_of(addon: Any, scene: Any) -> list[Any]:
    """The sound strips that are takes, by place."""
    return sorted(addon.part("strips").takes_in(scene), key=lambda strip: (strip.frame_final_start, strip.channel))


def span(addon: Any, strip: Any) -> tuple[int, int]:
    """First frame, and the one after the last."""
    compat = addon.part("compat")
    return compat.left(strip), compat.right(strip)


def audible(addon: Any, scene: Any) -> list[str]:
    """Names of the takes that are heard."""
    return sorted(strip["imagintalk_take"] for strip in takes_of(addon, scene) if not strip.mute)


def duplicate(addon: Any, scene: Any, *strips: Any, by: int) -> list[Any]:
    """Copies of strips as Shift+D makes them, moved to the right by frames, in the order of the strips."""
    before = set(addon.part("compat").all_strips(scene))
    choose(addon, scene, *strips)
    with in_sequencer():
        bpy.ops.sequencer.duplicate()
    made = [strip for strip in addon.part("compat").all_strips(scene) if strip not in before]
    found = [
        next(one for one in made if (one.type, span(addon, one)) == (old.type, span(addon, old))) for old in strips
    ]
    for strip in made:
        strip.frame_start += by
    return found
