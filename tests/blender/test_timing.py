"""The time map of a movie strip says at each frame of the timeline which picture Blender shows there."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import bpy
import pytest
import timeline
from cases import COUNT, START, Case, cases, make
from hypothesis import HealthCheck, given, settings

TIE = 0.05
"""Frames: between two pictures that are equally near, Blender's arithmetic of seven digits decides."""


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
