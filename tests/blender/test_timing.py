"""The time map of a movie strip says at each frame of the timeline which picture Blender shows there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import bpy
import pytest
import timeline
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COUNT = 90
START = 101
TIE = 0.05
"""Frames: between two pictures that are equally near, Blender's arithmetic of seven digits decides."""


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


def check(addon: Any, case: Case) -> None:
    scene, strip = make(addon, case)
    compat = addon.part("compat")
    first, end = compat.left(strip), compat.right(strip)
    found = addon.part("timing").time_map(strip, scene, compat.source_fps(strip))
    rate = scene.render.fps / scene.render.fps_base
    assert found.duration_s == pytest.approx((end - first) / rate, abs=1e-9)
    assert found.points[0][0] == 0 and found.points[-1][0] == pytest.approx(found.duration_s, abs=1e-9)
    assert all(early < late for (early, _), (late, _) in zip(found.points, found.points[1:], strict=False))
    pictures = timeline.shown(scene, first, end)
    bent = case.change is not None and case.change[0] == "transition" and bpy.app.version < (5, 0)
    off_by = 0.5 + TIE + bent  # before 5.0 the arc of a transition misses its ends, by up to a picture
    wrong = []
    for frame, picture in enumerate(pictures):
        near = [at(found.points, (frame + off) / rate) * float(case.film_rate) for off in (-TIE, 0, TIE)]
        low, high = (min(max(place, 0), COUNT - 1) for place in (min(near), max(near)))
        if picture is None or not low - off_by <= picture <= high + off_by:
            wrong.append((frame, picture, near[1]))
    assert not wrong


def at(points: tuple[tuple[float, float], ...], time: float) -> float:
    """Between the points, linear."""
    for (early, first), (late, second) in zip(points, points[1:], strict=False):
        if time <= late:
            return first + (second - first) * (time - early) / (late - early)
    return points[-1][1]


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


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(case=cases)
def test_each_frame_shows_what_the_map_says(addon: Any, case: Case) -> None:
    check(addon, case)


@pytest.mark.parametrize("kind", ["freeze", "transition"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_retimed_strip_is_followed_through_its_changes_of_speed(addon: Any, kind: str, reverse: bool) -> None:
    keys = ((0.25, 1.0), (0.5, 2.0), (0.75, 0.5))
    check(addon, Case(keys=keys, change=(kind, 2, 10), reverse=reverse))


@pytest.mark.parametrize("scene_rate", timeline.RATES, ids=lambda rate: f"{float(rate):.3f}")
@pytest.mark.parametrize("film_rate", timeline.RATES, ids=lambda rate: f"{float(rate):.3f}")
def test_every_rate_in_every_rate(addon: Any, scene_rate: Fraction, film_rate: Fraction) -> None:
    check(addon, Case(scene_rate, film_rate))


def test_a_film_of_another_rate_shown_frame_by_frame_is_at_another_speed(addon: Any) -> None:
    scene, strip = make(addon, Case(Fraction(25), Fraction(30000, 1001), own_rate=False))
    found = addon.part("timing").time_map(strip, scene, strip.fps)
    assert found.duration_s == COUNT / 25
    last = (COUNT - 1) * 1001 / 30000
    assert [*found.points] == [(0, 0), ((COUNT - 1) / 25, pytest.approx(last)), (COUNT / 25, pytest.approx(last))]


def test_a_film_added_from_the_menu_plays_at_its_own_rate(addon: Any) -> None:
    scene = timeline.new_scene(addon.part("compat"), Fraction(24))
    film = timeline.numbered_film(COUNT, Fraction(60))
    strip = timeline.add_movie_from_menu(addon, scene, film, START)
    found = addon.part("timing").time_map(strip, scene, strip.fps)
    assert found.duration_s == COUNT / 60
    assert timeline.shown(scene, START, START + 4) == [0, 3, 5, 8]
    assert [at(found.points, frame / 24) * 60 for frame in range(4)] == pytest.approx([0, 2.5, 5, 7.5])


def test_a_strip_without_a_rate_is_told(addon: Any) -> None:
    scene, strip = make(addon, Case())
    timing = addon.part("timing")
    for unknown in (None, 0.0):
        with pytest.raises(timing.TimingError, match="frame rate of its file is not known"):
            timing.time_map(strip, scene, unknown)


def test_a_blender_that_keeps_strips_in_another_way_is_told(addon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scene, strip = make(addon, Case())
    timing, sdna = addon.part("timing"), addon.part("sdna")

    def unreadable(strip: Any) -> None:
        raise sdna.SdnaError("a strip is not where it should be in memory")

    monkeypatch.setattr(timing, "read_strip", unreadable)
    with pytest.raises(timing.TimingError, match=r"cannot be read \(a strip is not .* meta strip"):
        timing.time_map(strip, scene, 24.0)


def test_the_layout_of_structures_is_read_or_told(addon: Any, tmp_path: Any) -> None:
    sdna = addon.part("sdna")
    path = tmp_path / "empty.blend"
    bpy.data.libraries.write(str(path), set())
    content = path.read_bytes()
    (scene,) = sdna.read_layouts(content, ("Scene",))
    assert scene.fields["id"] == (0, "ID") and scene.size > 1000
    for broken, words in (
        (b"RIFF" + content, "expected a .blend file"),
        (content.replace(b"DNA1", b"DNA2"), "expected a block DNA1"),
        (content.replace(b"TLEN", b"XXXX"), "expected b'TLEN'"),
    ):
        with pytest.raises(sdna.SdnaError, match=words):
            sdna.read_layouts(broken, ("Scene",))
    with pytest.raises(sdna.SdnaError, match="expected a structure Scenery"):
        sdna.read_layouts(content, ("Scenery",))
