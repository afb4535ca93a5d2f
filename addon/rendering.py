"""Scene, meta and image strips become a file before they are dubbed: rendered by another Blender, in the background."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import bpy

from . import strips
from .dub import Dub
from .link import Put
from .news import Refused, Rendered, RenderProgress

_SCRIPT = Path(__file__).with_name("render_strip.py")
_CLIP, _PREFIX = "clip.mp4", "imagintalk-rendered-"
_PREVIEW_PIXELS = 640
"""Longer side of the picture: as much as lips need."""
_SILENT_S = 600.0
"""Without a frame for so long the render hangs."""

_processes: dict[str, subprocess.Popen[str]] = {}
"""By key of the dub. Main thread only."""


def begin(dub: Dub, put: Put) -> None:
    """Render what a dub's strip shows, unless that is under way; Rendered or Refused follows."""
    if dub.key in _processes:
        return
    found = strips.piece(dub.source, dub.scene, dub.label)
    if found is None:
        put(Refused(dub.key, "its strip was deleted before it was rendered"))
        return
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    copy, clip = folder / "copy.blend", folder / _CLIP
    try:
        # Only this scene and what it uses, and no save of the user's file.
        bpy.data.libraries.write(str(copy), {found.scene}, path_remap="ABSOLUTE")
        words = [str(copy), found.scene.name, found.strip.name, str(clip), str(_PREVIEW_PIXELS)]
        _processes[dub.key] = process = subprocess.Popen(
            [*_blender(), "--", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except (OSError, RuntimeError) as error:
        put(Refused(dub.key, f"the strip cannot be rendered: {error}"))
        return
    threading.Thread(target=_follow, args=(dub.key, process, copy, clip, put), daemon=True).start()


def stop(key: str) -> None:
    """Give up a render, if there is one."""
    process = _processes.pop(key, None)
    if process is not None and process.poll() is None:
        process.kill()


def stop_all() -> None:
    for key in list(_processes):
        stop(key)


def _blender() -> list[str]:
    """Words that run the script in another Blender: this program, or this Python where Blender is a module of it."""
    if bpy.app.binary_path:
        return [bpy.app.binary_path, "--background", "--factory-startup", "--python", str(_SCRIPT)]
    return [sys.executable, str(_SCRIPT)]


def _follow(key: str, process: subprocess.Popen[str], copy: Path, clip: Path, put: Put) -> None:
    """On a thread: tell of progress and of the end."""
    watch = _Watch(process)
    said = ""
    for line in process.stdout or ():
        watch.heard()
        word, _, rest = line.strip().partition(" ")
        if word == "imagintalk:progress":
            put(RenderProgress(key, float(rest)))
        elif word == "imagintalk:error":
            said = rest
    process.wait()
    copy.unlink(missing_ok=True)
    if process.returncode == 0 and clip.is_file():
        put(Rendered(key, str(clip)))
    elif process.returncode and process.returncode < 0 and not watch.hung and not said:
        put(Refused(key, "the render of the strip was stopped"))
    else:
        why = said or ("it made no frame for ten minutes" if watch.hung else f"exit code {process.returncode}")
        put(Refused(key, f"the strip cannot be rendered: {why}"))


class _Watch:
    """Ends a process that says nothing for too long."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._last, self.hung = process, time.monotonic(), False
        threading.Thread(target=self._run, daemon=True).start()

    def heard(self) -> None:
        self._last = time.monotonic()

    def _run(self) -> None:
        while self._process.poll() is None:
            if time.monotonic() - self._last > _SILENT_S:
                self.hung = True
                self._process.kill()
            time.sleep(1.0)


def clean(path: str) -> None:
    """Remove a clip that was rendered here and is no longer needed; any other file stays."""
    clip = Path(path)
    if (
        clip.name == _CLIP
        and clip.parent.name.startswith(_PREFIX)
        and clip.parent.parent == Path(tempfile.gettempdir())
    ):
        clip.unlink(missing_ok=True)
        try:
            os.rmdir(clip.parent)
        except OSError:
            return
