"""Run by `rendering` in a Blender of its own: render_strip.py -- COPY SCENE STRIP CLIP PIXELS.

Renders what one strip of a saved scene shows to a movie without sound, at the scene's rate. Says its progress and its
errors on standard output, in lines that begin with `imagintalk:`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import bpy

_SMALLEST_PERCENT = 5


def main(copy: str, scene_name: str, strip_name: str, clip: str, pixels: int) -> None:
    """Raises RuntimeError: the scene or the strip is not there, or Blender cannot render it."""
    compat = _compat()
    with bpy.data.libraries.load(copy) as (_, into):
        into.scenes = [scene_name]
    scene = into.scenes[0]
    if scene is None:
        raise RuntimeError(f"scene {scene_name} was not saved")
    compat.show_in_sequencer(bpy.context, scene)
    strip = next((one for one in compat.all_strips(scene) if one.name == strip_name), None)
    if strip is None:
        raise RuntimeError("the strip was not saved")
    _show_alone(compat, scene, strip)
    _set_output(compat, scene, clip, pixels)
    scene.frame_start, scene.frame_end, scene.frame_step = compat.left(strip), compat.right(strip) - 1, 1
    count = scene.frame_end - scene.frame_start + 1

    def tell(*_: Any) -> None:
        print(f"imagintalk:progress {(scene.frame_current - scene.frame_start + 1) / count:.4f}", flush=True)

    bpy.app.handlers.render_write.append(tell)
    bpy.ops.render.render(animation=True, scene=scene.name)


def _compat() -> Any:
    spec = importlib.util.spec_from_file_location("compat", Path(__file__).with_name("compat.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _show_alone(compat: Any, scene: Any, strip: Any) -> None:
    """Mute all that is neither the strip, nor in it, nor around it."""
    around, at = {strip.name}, strip.parent_meta()
    while at is not None:
        around.add(at.name)
        at = at.parent_meta()
    for other in compat.all_strips(scene):
        inside, holder = False, other.parent_meta()
        while holder is not None and not inside:
            inside, holder = holder.name == strip.name, holder.parent_meta()
        if not inside:
            other.mute = other.name not in around
    strip.blend_type, strip.blend_alpha = "REPLACE", 1.0


def _set_output(compat: Any, scene: Any, clip: str, pixels: int) -> None:
    render = scene.render
    wide, high = render.resolution_x, render.resolution_y
    largest = min(100, max(_SMALLEST_PERCENT, 100 * pixels // max(wide, high)))
    even = (p for p in range(largest, _SMALLEST_PERCENT, -1) if not (wide * p // 100) % 2 and not (high * p // 100) % 2)
    render.resolution_percentage = next(even, largest)
    render.use_sequencer, render.use_border, render.use_multiview = True, False, False
    render.use_file_extension, render.use_overwrite, render.filepath = False, True, clip
    compat.movie_output(render)
    render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.audio_codec = "MPEG4", "H264", "NONE"
    render.ffmpeg.constant_rate_factor = "HIGH"


if __name__ == "__main__":
    copy, name, strip, clip, size = sys.argv[sys.argv.index("--") + 1 :]
    code = 0
    try:
        main(copy, name, strip, clip, int(size))
    except Exception as error:  # noqa: BLE001 - said to whoever started this
        print(f"imagintalk:error {' '.join(str(error).split())}", flush=True)
        code = 1
    sys.stdout.flush()
    shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
    os._exit(code)  # the bpy module may crash when it ends in the usual way
