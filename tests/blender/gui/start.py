"""Run by Blender when its window opens: start.py, with what it needs in the folder IMAGINTALK_GUI.

Sets the stage, then tells in `told.json` what goes on, so that whoever clicks and looks knows when and where.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(os.environ["IMAGINTALK_GUI"])
EXTENSION = "bl_ext.user_default.imagintalk"
_STEP_S = 0.05


def part(name: str) -> Any:
    return import_module(f"{EXTENSION}.{name}")


def tell(**news: Any) -> None:
    """Add to what is told."""
    path = FOLDER / "told.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    written = path.with_suffix(".new")
    written.write_text(json.dumps(known | news))
    written.replace(path)


class Gaps:
    """How long the main thread is away at most: between two beats of a timer, and in the extension's own timer."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.longest_ms, self.own_ms, self.press_ms, self.beats = 0.0, 0.0, 0.0, 0
        self._tick = part("tick").tick

    def begin(self) -> None:
        self._last = time.perf_counter()
        self.longest_ms = self.own_ms = 0.0
        self.beats = 0

    def beat(self) -> float:
        now = time.perf_counter()
        self.longest_ms = max(self.longest_ms, 1000 * (now - self._last))
        self._last, self.beats = now, self.beats + 1
        return 0.0

    def timed_tick(self) -> Any:
        began = time.perf_counter()
        try:
            return self._tick()
        finally:
            self.own_ms = max(self.own_ms, 1000 * (time.perf_counter() - began))

    def time_press(self) -> None:
        """Also take the time of the button's operator."""
        operator = part("operators.generate").IMAGINTALK_OT_generate
        execute = operator.execute

        def timed(this: Any, context: Any) -> Any:
            began = time.perf_counter()
            try:
                return execute(this, context)
            finally:
                self.press_ms = 1000 * (time.perf_counter() - began)

        operator.execute = timed

    def told(self) -> dict[str, float]:
        measured = {"longest_ms": self.longest_ms, "own_ms": self.own_ms, "press_ms": self.press_ms}
        return {name: round(milliseconds, 1) for name, milliseconds in measured.items()} | {"beats": self.beats}


def scenario() -> Iterator[float]:
    """Each value is how many seconds to wait before what follows."""
    yield 2.0
    bpy.ops.wm.read_homefile(app_template="Video_Editing")
    yield 2.0
    bpy.ops.extensions.package_install_files(
        filepath=str(next(FOLDER.glob("*.zip"))), repo="user_default", enable_on_install=True
    )
    preferences = bpy.context.preferences.addons[EXTENSION].preferences
    preferences.auto_start, preferences.state_folder = False, str(FOLDER / "worker")
    yield 1.0
    area = _set_stage()
    while not _shows_tab(area):
        yield _STEP_S
    while part("state").session().worker != "ready":
        yield _STEP_S
    yield from _measured_dub(area)
    yield from _pictured_dub()
    yield from _told_to("panels")
    yield from _pictured_panels(area)
    yield from _told_to("render")
    yield from _render_meanwhile()
    yield from _told_to("enough")
    bpy.ops.wm.quit_blender()


def _measured_dub(area: Any) -> Iterator[float]:
    """How long the main thread is away without a job, during one, and as its take appears."""
    gaps, session = Gaps(), part("state").session()
    bpy.app.timers.register(gaps.beat, persistent=True)
    _time_tick(gaps)
    gaps.time_press()
    yield 2.0
    gaps.begin()
    for _ in range(60):  # the same redraws as while a job runs, without one
        area.tag_redraw()
        yield _STEP_S
    sidebar = next(region for region in area.regions if region.type == "UI")
    tell(
        version=bpy.app.version_string,
        without_job=gaps.told(),
        sidebar=[sidebar.x, sidebar.y, sidebar.width, sidebar.height],
        ready=True,
    )
    while not session.dubs:
        yield _STEP_S
    gaps.begin()
    (dub,) = session.dubs.values()
    while dub.open and dub.fraction < 0.95:
        yield _STEP_S
    tell(with_job=gaps.told())
    gaps.begin()
    while dub.open:
        yield _STEP_S
    yield 1.0
    _choose(1)
    tell(at_its_end=gaps.told(), measured=True)


def _pictured_dub() -> Iterator[float]:
    """A second one, while which pictures of the screen may be taken."""
    session = part("state").session()
    while len(session.dubs) < 2:
        yield _STEP_S
    dub = list(session.dubs.values())[-1]
    while dub.open:
        tell(fraction=dub.fraction)
        yield _STEP_S
    tell(takes=_takes(), done=True)


def _pictured_panels(area: Any) -> Iterator[float]:
    """All panels, and the search."""
    _open_panels(area)
    yield 1.0
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "SEQUENCE_EDITOR")
    timeline = next(region for region in area.regions if region.type == "WINDOW")
    tell(timeline=[timeline.x, timeline.y, timeline.width, timeline.height])
    yield from _told_to("search")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=timeline):
        bpy.ops.wm.search_menu("INVOKE_DEFAULT")  # what F3 does
    tell(searches=True)


def _told_to(name: str) -> Iterator[float]:
    """Until whoever looks is ready for what follows."""
    while not (FOLDER / name).exists():
        yield 0.2


def _takes() -> int:
    return len(list(part("strips").takes_in(_scene())))


def _open_panels(area: Any) -> None:
    """Fill the window with the timeline, and have voice, worker and settings open in its sidebar in place of the lists.

    No script can open a panel; but a panel that was never seen is as its class says.
    """
    panels = part("panels")
    for name in ("jobs", "takes", "voice", "worker", "settings"):
        panel = getattr(panels, f"IMAGINTALK_PT_{name}")
        if name not in ("jobs", "takes"):
            bpy.utils.register_class(type(f"IMAGINTALK_PT_{name}_open", (panel,), {"bl_options": set()}))
        panel.poll = classmethod(lambda cls, context: cls.__name__.endswith("_open"))
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.screen.screen_full_area()


def _render_meanwhile() -> Iterator[float]:
    """Render the timeline as a user does, while a take becomes ready; it must not be inserted before the end."""
    session, scene, before = part("state").session(), _scene(), _takes()
    bpy.context.preferences.view.render_display_type = "NONE"
    scene.render.filepath, scene.frame_end = str(FOLDER / "tmp" / "rendered-"), scene.frame_end + 400
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        bpy.ops.imagintalk.generate()
    dub = list(session.dubs.values())[-1]
    while dub.fraction < 0.8:
        yield _STEP_S
    with bpy.context.temp_override(window=window):
        bpy.ops.render.render("INVOKE_DEFAULT", animation=True, scene=scene.name)
    while not bpy.app.is_job_running("RENDER"):
        yield _STEP_S
    ready_at = ended_at = None
    while dub.open:
        if not bpy.app.is_job_running("RENDER"):
            ended_at = ended_at or time.monotonic()
        elif dub.state == "ready":
            ready_at = ready_at or time.monotonic()
        yield _STEP_S
        if bpy.app.is_job_running("RENDER") and _takes() > before:
            raise RuntimeError("a take was inserted while Blender rendered")
    if ready_at is None or ended_at is None:
        raise RuntimeError("the render ended before the take was ready, so that nothing was tested")
    tell(ready_s=round(ended_at - ready_at, 1))


def _scene() -> Any:
    return part("compat").sequencer_scene(bpy.context)


def _choose(number: int) -> None:
    """Have one of the clips be the active strip."""
    compat, scene = part("compat"), _scene()
    clips = [strip for strip in compat.all_strips(scene) if strip.type == compat.MOVIE]
    for strip in compat.all_strips(scene):
        strip.select = strip == clips[number]
    compat.set_active_strip(scene, clips[number])


def _time_tick(gaps: Gaps) -> None:
    """Put our clock around the extension's own timer."""
    tick = part("tick")
    bpy.app.timers.unregister(tick.tick)
    tick.tick = gaps.timed_tick
    bpy.app.timers.register(gaps.timed_tick, persistent=True)


def _set_stage() -> Any:
    """Two clips on the timeline, the first active, the sidebar open at our tab; the sequencer's area."""
    compat = part("compat")
    window = bpy.context.window_manager.windows[0]
    area = next(
        area
        for area in window.screen.areas
        if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type == "SEQUENCER"
    )
    scene = compat.sequencer_scene(bpy.context)
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    start = 1
    for channel, film in enumerate(sorted((FOLDER / "footage").glob("*.mp4")), 3):
        compat.strips(compat.editor(scene)).new_movie(film.stem, str(film), channel, start)
        start += 45
    scene.frame_end = start + 60
    _choose(0)
    scene.frame_set(33)
    area.spaces.active.show_region_ui = True
    area.spaces.active.timeline_overlay.show_strip_source = False
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.sequencer.view_all()
    for browser in (area for area in window.screen.areas if area.type == "FILE_BROWSER"):
        browser.spaces.active.params.directory = b"/"
    return area


def _shows_tab(area: Any) -> bool:
    """Have the sidebar show our tab, which it can once it was drawn."""
    sidebar = next(region for region in area.regions if region.type == "UI")
    try:
        sidebar.active_panel_category = "ImaginTalk"
    except (AttributeError, TypeError):
        return False
    return True


_running = scenario()


def step() -> float | None:
    try:
        return next(_running)
    except StopIteration:
        return None
    except Exception as error:
        tell(failed=repr(error))
        raise


bpy.app.timers.register(step, first_interval=1.0, persistent=True)
