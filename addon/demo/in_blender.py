"""The part of the demo that runs in the bpy module: in_blender FOLDER ARCHIVE CLIP CLIP.

Installs the built extension into a Blender that touches nothing of the user's, and uses it as a person would.
Tells progress, takes and errors in lines that begin with `demo:`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

EXTENSION = "bl_ext.user_default.imagintalk"
FPS = 24
TRIMMED_FRAMES = (4, 5)
"""That are cut from the second strip at its start and its end."""
_CHANNEL = 3
_LONGEST_S = 1800.0


class Stuck(Exception):
    """The extension did not do what it was asked to; one line."""


def main(folder: Path, archive: Path, clips: list[str]) -> None:
    """Raises Stuck, RuntimeError (of an operator)."""
    import bpy

    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    chosen = bpy.context.preferences.addons[EXTENSION].preferences
    chosen.python, chosen.state_folder = sys.executable, str(folder / "worker")
    scene = _timeline(folder, clips)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "film.blend"))
    try:
        bpy.ops.imagintalk.batch()
        _wait("dubbing both strips", 0.05, 0.6)
        compat = import_module(f"{EXTENSION}.compat")
        compat.set_active_strip(scene, next(strip for strip in compat.all_strips(scene) if strip.name == clips[0]))
        bpy.ops.imagintalk.regenerate(emotion="happy")
        _wait("once more, happy", 0.6, 0.85)
    finally:
        bpy.ops.imagintalk.stop_worker()
    bpy.ops.wm.save_mainfile()
    _progress("mixing the film", 0.85)
    _mix(scene, folder / "film.mp4")
    for take in _takes(scene):
        print("demo:take", json.dumps(take), flush=True)
    _beat_until(lambda: _session().worker == "no worker")


def _timeline(folder: Path, clips: list[str]) -> Any:
    """A scene of 24 fps with the clips one after the other, as fast as they were taken, the last one trimmed."""
    import bpy

    compat = import_module(f"{EXTENSION}.compat")
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    scene.render.resolution_x, scene.render.resolution_y = 720, 576
    compat.editor(scene)
    compat.show_in_sequencer(bpy.context, scene)
    area = bpy.context.window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    first = 1
    for name in clips:
        with bpy.context.temp_override(window=bpy.context.window, area=area, region=region):
            bpy.ops.sequencer.movie_strip_add(
                filepath=str(folder / name),
                frame_start=first,
                channel=_CHANNEL,
                sound=False,
                adjust_playback_rate=True,
                use_framerate=False,
                move_strips=False,  # without it the module ends here
            )
        strip = compat.active_strip(scene)
        strip.name = name
        if name == clips[-1]:
            compat.trim(strip, first + TRIMMED_FRAMES[0], compat.right(strip) - TRIMMED_FRAMES[1])
        first = compat.right(strip) + FPS // 2
    for strip in compat.all_strips(scene):
        strip.select = True
    scene.frame_start, scene.frame_end = 1, first
    return scene


def _session() -> Any:
    return import_module(f"{EXTENSION}.state").session()


def _beat_until(true: Callable[[], bool]) -> None:
    """Blender's timers do not run without a window, so the extension's beat is called here. Raises Stuck."""
    tick = import_module(f"{EXTENSION}.tick").tick
    until = time.monotonic() + _LONGEST_S
    while not true():
        if time.monotonic() > until:
            raise Stuck(f"nothing came for half an hour; {_session().trouble}")
        tick()
        time.sleep(0.05)


def _wait(stage: str, first: float, last: float) -> None:
    """Until no job is open. Raises Stuck: one failed."""

    def done() -> bool:
        dubs = list(_session().dubs.values())
        mean = sum(dub.fraction for dub in dubs) / max(len(dubs), 1)
        _progress(stage, first + (last - first) * mean)
        return not any(dub.open for dub in dubs)

    _beat_until(done)
    failed = [dub.reason for dub in _session().dubs.values() if dub.state != "done"]
    if failed:
        raise Stuck(failed[0])


_said = ""


def _progress(stage: str, fraction: float) -> None:
    global _said
    words = f"demo:progress {fraction:.3f} {stage}"
    if words != _said:
        _said = words
        print(words, flush=True)


def _mix(scene: Any, film: Path) -> None:
    import bpy

    compat = import_module(f"{EXTENSION}.compat")
    render = scene.render
    compat.movie_output(render)
    render.filepath, render.use_file_extension = str(film), False
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.audio_codec = "MPEG4", "H264", "AAC"
    bpy.ops.render.render(animation=True)


def _takes(scene: Any) -> list[dict[str, Any]]:
    import bpy

    compat, strips = import_module(f"{EXTENSION}.compat"), import_module(f"{EXTENSION}.strips")
    found = []
    for take in scene.imagintalk.takes:
        for strip in strips.take_strips(scene, take.name):
            edges = [(frame - scene.frame_start) / FPS for frame in (compat.left(strip), compat.right(strip))]
            found.append(
                {
                    "clip": take.source_label,
                    "emotion": take.emotion,
                    "path": bpy.path.abspath(take.path),
                    "audible": not strip.mute,
                    "start_s": edges[0],
                    "end_s": edges[1],
                }
            )
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="imagintalk-blender-") as home:
        os.environ["BLENDER_USER_RESOURCES"] = os.environ["TMPDIR"] = home
        code = 0
        try:
            main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
        except (Stuck, RuntimeError) as error:
            print("demo:error", " ".join(str(error).removeprefix("Error: ").split()), flush=True)
            code = 1
    sys.stdout.flush()
    os._exit(code)  # the bpy module may crash when it ends in the usual way
