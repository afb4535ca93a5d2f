"""Movie strips as editors leave them: of every rate, trimmed, split, retimed, reversed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import bpy
import timeline
from hypothesis import strategies as st

COUNT = 90
"""Pictures of a film."""
START = 101


@dataclass(frozen=True)
class Case:
    """A strip as an editor may leave it."""

    scene_rate: Fraction = Fraction(24)
    film_rate: Fraction = Fraction(24)
    own_rate: bool = True
    trimmed: tuple[int, int] = (0, 0)
    """Frames of the timeline; negative ones hold the first and last picture."""
    film_trimmed: tuple[int, int] = (0, 0)
    """Frames of the file."""
    reverse: bool = False
    keys: tuple[tuple[float, float], ...] = ()
    """Retiming keys: where in the content, 0..1, and how much longer or shorter the part before it becomes."""
    change: tuple[str, int, int] | None = None
    """`freeze` or `transition`, of which key, for how many frames."""
    split: tuple[str, float] | None = None
    """SOFT or HARD, and where; the right part is looked at."""


def make(addon: Any, case: Case) -> tuple[Any, Any]:
    """The scene and the strip."""
    compat = addon.part("compat")
    scene = timeline.new_scene(compat, case.scene_rate)
    film = timeline.numbered_film(COUNT, case.film_rate)
    strip = timeline.add_movie(addon, scene, film, START, case.own_rate)
    strip.animation_offset_start, strip.animation_offset_end = case.film_trimmed
    strip.use_reverse_frames = case.reverse
    if case.keys:
        _retime(addon, scene, strip, case)
    first, end = compat.left(strip) + case.trimmed[0], compat.right(strip) - case.trimmed[1]
    if end > first:
        compat.trim(strip, first, end)
    if case.split:
        kind, share = case.split
        at = compat.left(strip) + 1 + round(share * (compat.duration(strip) - 2))
        if compat.left(strip) < at < compat.right(strip):
            right = strip.split(frame=at, split_method=kind)
            strip.mute = True
            strip = right
            compat.set_active_strip(scene, strip)
    return scene, strip


def _retime(addon: Any, scene: Any, strip: Any, case: Case) -> None:
    compat = addon.part("compat")
    start, whole = round(compat.content_start(strip)), compat.content_duration(strip)
    frames = sorted({start + max(round(share * (whole - 2)), 1) for share, _ in case.keys})
    timeline.add_keys(scene, frames)
    lengths = [later - first for first, later in zip([start, *frames], frames, strict=False)]
    end = start
    for number, (length, (_, factor)) in enumerate(zip(lengths, case.keys, strict=False), 1):
        end += max(round(length * factor), 2)
        strip.retiming_keys[number].timeline_frame = end
    if case.change and case.change[1] < len(strip.retiming_keys) - 1:
        kind, key, count = case.change
        before, at, after = (strip.retiming_keys[number].timeline_frame for number in (key - 1, key, key + 1))
        breaks = case.own_rate and bpy.app.version < (4, 4)  # which puts keys between frames where none can be
        if min(at - before, after - at) > count + 1 and not breaks:  # where keys collide Blender shows anything
            timeline.change_at_key(addon, scene, strip, key, kind, count)


rates = st.sampled_from(timeline.RATES)
keys = st.lists(st.tuples(st.floats(0.1, 0.9), st.sampled_from([0.3, 0.5, 0.8, 1.0, 1.7, 3.0])), max_size=3)
changes = st.tuples(st.sampled_from(["freeze", "transition"]), st.integers(1, 2), st.integers(6, 12))
cases = st.builds(
    Case,
    scene_rate=rates,
    film_rate=rates,
    own_rate=st.booleans(),
    trimmed=st.tuples(st.integers(-4, 12), st.integers(-4, 12)),
    film_trimmed=st.tuples(st.sampled_from([0, 0, 7]), st.sampled_from([0, 0, 5])),
    reverse=st.booleans(),
    keys=keys.map(lambda found: tuple(sorted(found))),
    change=st.none() | changes,
    split=st.none() | st.tuples(st.sampled_from(["SOFT", "HARD"]), st.floats(0, 1)),
)
