"""Figures of the Blender extension, as the table in the README has them.

    python benchmarks/addon.py            # all rows
    python benchmarks/addon.py batch zip  # some

The built zip in the real bpy, without a window, against a real worker process with the tests' fake pipeline. What only
a window can tell (the longest block of the main thread, drawing on the screen) is measured by tests/blender/gui.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "blender"))

from extension import EXTENSION, Addon, build_archive, install

# isort: split
import addon_utils
import bpy
from editing import choose, span, takes_of
from films import draw_film
from layouts import draw, draw_rows
from test_frame_exact import dub, errors, make_hour
from workers import Served

STRIPS = 200
_ROWS_SHOWN = 10
"""Of a list in the sidebar, made as long as it is likely to be."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    least: str
    aim: str
    measured: str


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


class Bench:
    """The installed extension and a worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = build_archive(folder / "dist")
        install(self.archive)
        self.addon = Addon()
        self.addon.preferences.auto_start = False
        self.addon.preferences.state_folder = str(folder / "worker")

    def timeline(self) -> Any:
        """An empty scene of 24 fps."""
        bpy.ops.wm.read_homefile(use_empty=True)
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = 24, 1.0
        compat = self.addon.part("compat")
        compat.show_in_sequencer(bpy.context, scene)
        compat.editor(scene)
        self.addon.part("tick").tick()
        return scene


def enable(bench: Bench) -> Row:
    """Enabled again: its modules are loaded anew, rpyc with them."""
    taken, cpu = [], []
    for _ in range(10):
        addon_utils.disable(EXTENSION)
        for name in [name for name in sys.modules if name.startswith((EXTENSION, "rpyc", "plumbum"))]:
            del sys.modules[name]
        began, cpu_began = time.perf_counter(), time.thread_time()
        addon_utils.enable(EXTENSION)
        taken.append(time.perf_counter() - began)
        cpu.append(time.thread_time() - cpu_began)
    measured = f"median of 10: {ms(statistics.median(taken))} ({ms(statistics.median(cpu))} of CPU)"
    return Row("enable the extension", "≤ 0.5 s", "≤ 0.15 s", measured)


def batch(bench: Bench) -> Row:
    """As an editor does it: selected, one press of the button, then the timer beats."""
    addon, scene = bench.addon, bench.timeline()
    served = Served(bench.folder / "worker")
    addon.beat(lambda: addon.session.worker == "ready")
    compat = addon.part("compat")
    strips, made = compat.strips(scene.sequence_editor), []
    films = [draw_film(bench.folder / f"film{number}.mp4", 2.0, fps) for number, fps in enumerate((24.0, 29.97, 25.0))]
    for number in range(STRIPS):
        strip = strips.new_movie(f"strip {number}", str(films[number % 3]), 3 + number % 2, 1 + 30 * number)
        compat.trim(strip, compat.left(strip) + number % 5, compat.right(strip) - number % 7)
        made.append(strip)
    choose(addon, scene, *made)
    began = time.perf_counter()
    bpy.ops.imagintalk.batch()
    pressed = time.perf_counter() - began
    gc.collect()
    gc.freeze()  # or Python looks through the modules of these tests in the midst of a beat, which Blender has not
    beats, cpu, updates = [], [], []
    while any(dub.open for dub in addon.dubs) or addon.session.unsealed:
        before, cpu_before = time.perf_counter(), time.thread_time()
        addon.part("tick").tick()
        beats.append(time.perf_counter() - before)
        cpu.append(time.thread_time() - cpu_before)
        before = time.thread_time()
        bpy.context.view_layer.update()  # as a window does after every beat
        updates.append(time.thread_time() - before)
        time.sleep(0.02)
    gc.unfreeze()
    whole = time.perf_counter() - began
    placed = sum(span(addon, take) == span(addon, _source(addon, take)) for take in takes_of(addon, scene))
    panel = statistics.median(_panel(bench) for _ in range(20))
    served.stop()
    measured = (
        f"{placed} in {whole:.1f} s; the button {ms(pressed)}, a beat of the timer at most {ms(max(beats))}"
        f" (median {ms(statistics.median(beats))}), {ms(max(cpu))} of CPU, and Blender's update after it"
        f" {ms(max(updates))}; panel code {ms(panel)}"
    )
    what = f"{STRIPS} strips batch-dubbed (fake pipeline): inserted at the right frame"
    return Row(what, f"{STRIPS}, and the panel draws ≤ 16 ms", "", measured)


def _source(addon: Addon, take: Any) -> Any:
    return addon.part("strips").with_id(take["imagintalk_source"])[0].strip


def _panel(bench: Bench) -> float:
    """Seconds that our drawing code takes, all panels open."""
    held = bpy.context.scene.imagintalk
    began = time.perf_counter()
    for name in ("main", "jobs", "takes", "voice", "worker", "settings"):
        draw(bench.addon, name, bpy.context)
    for kind, items in (("jobs", held.jobs), ("takes", held.takes)):
        draw_rows(bench.addon, kind, bpy.context, items[:_ROWS_SHOWN])
    panels = bench.addon.part("panels")
    holder = type("List", (), {"bitflag_filter_item": 1})()
    panels.IMAGINTALK_UL_takes.filter_items(holder, bpy.context, held, "takes")
    return time.perf_counter() - began


def placing(bench: Bench) -> Row:
    """A click for each picture in an hour of film, found again in the mixdown: the first and the last four seconds."""
    addon, served = bench.addon, Served(bench.folder / "worker")
    addon.beat(lambda: addon.session.worker == "ready")
    compat = addon.part("compat")
    worst = {"same": 0.0, "other": 0.0}
    for scene_rate in (Fraction(24000, 1001), Fraction(25)):
        for film_rate in (Fraction(24000, 1001), Fraction(25)):
            scene, strip = make_hour(addon, scene_rate, film_rate)
            addon.part("tick").tick()
            dub(addon, scene)
            first, end, some = compat.left(strip), compat.right(strip), round(4 * scene_rate)
            kind = "same" if scene_rate == film_rate else "other"
            for start in (first, end - some):
                found = errors(scene, start, start + some, bench.folder)
                worst[kind] = max(worst[kind], max(found.values()) / (1 if kind == "other" else float(scene_rate)))
    served.stop()
    measured = (
        f"{ms(worst['same'])} where film and scene have one rate, else {worst['other']:.2f} of a frame: no frame of the"
        " scene begins when the picture's moment is"
    )
    return Row("placing error over a 1-hour timeline", "≤ 1/2 video frame", "≤ 1 ms", measured)


def zip(bench: Bench) -> Row:
    return Row("extension zip", "≤ 1 MB", "", f"{bench.archive.stat().st_size / 1e6:.2f} MB")


ROWS: dict[str, Callable[[Bench], Row]] = {row.__name__: row for row in (enable, batch, placing, zip)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help=f"of {', '.join(ROWS)} (default: all)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        rows = [ROWS[name](bench) for name in options.rows or ROWS]
    print("| what | at least | aim | measured |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.least} | {row.aim} | {row.measured} |")
    sys.stdout.flush()
    os._exit(0)  # the bpy module may crash when it ends in the usual way


if __name__ == "__main__":
    main()
