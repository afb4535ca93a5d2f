"""Scene, meta and image strips become a file before the worker sees them: rendered by another Blender, one at a time.

Main thread only, but for what a render does on a thread of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path

import bpy

from . import strips
from .dub import Dub
from .link import Put
from .look import Look
from .news import Refused, Rendered, RenderProgress

_SCRIPT = Path(__file__).with_name("render_strip.py")
_CLIP, _COPY, _PREFIX = "clip.mp4", "copy.blend", "imagintalk-rendered-"
_PREVIEW_PIXELS = 640
"""Longer side of the picture: as much as lips need."""
_SILENT_S = 600.0
"""Without a frame for so long the render hangs."""
_END_S = 5.0
"""In which a killed process is gone."""

_renders: dict[str, _Render] = {}
"""Of this session, by key of the dub or look, while their clips are needed."""


def begin(wanted: Dub | Look, put: Put) -> bool:
    """Render what a strip shows, unless another render is under way; Rendered or Refused follows. Whether it begins."""
    if wanted.key in _renders or not all(render.ended for render in _renders.values()):
        return False
    found = strips.piece(wanted.source, wanted.scene, wanted.label)
    if found is None:
        put(Refused(wanted.key, "its strip was deleted before it was rendered"))
        return False
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        put(Refused(wanted.key, f"the strip cannot be rendered: {error}"))
        return False
    try:
        # Only this scene and what it uses, and no save of the user's file.
        bpy.data.libraries.write(str(folder / _COPY), {found.scene}, path_remap="ABSOLUTE")
    except (OSError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        put(Refused(wanted.key, f"the strip cannot be rendered: {error}"))
        return False
    words = [str(folder / _COPY), found.scene.name, found.strip.name, str(folder / _CLIP), str(_PREVIEW_PIXELS)]
    _renders[wanted.key] = _Render(wanted.key, folder, [*_blender(), "--", *words], put)
    return True


def keep(needed: Collection[str]) -> None:
    """Give up all renders but these, and remove their clips."""
    for key in [key for key in _renders if key not in needed]:
        _renders.pop(key).give_up()


def stop_all() -> None:
    """Give up those that are under way. Clips that are finished stay: a job of a saved file may need them."""
    for render in _renders.values():
        if not render.ended:
            render.give_up()
            render.thread.join(_END_S)
    _renders.clear()


def clean(path: str) -> None:
    """Remove a clip that was rendered here and is no longer needed; any other file stays."""
    folder = Path(path).parent
    if Path(path).name == _CLIP and folder.name.startswith(_PREFIX) and folder.parent == Path(tempfile.gettempdir()):
        shutil.rmtree(folder, ignore_errors=True)


def _blender() -> list[str]:
    """Words that run the script in another Blender: this program, or this Python where Blender is a module of it."""
    if bpy.app.binary_path:
        return [bpy.app.binary_path, "--background", "--factory-startup", "--python", str(_SCRIPT)]
    return [sys.executable, str(_SCRIPT)]


class _Render:
    """Another Blender at work, and the folder in which it works."""

    def __init__(self, key: str, folder: Path, words: list[str], put: Put) -> None:
        self.ended = False
        self._key, self._folder, self._put = key, folder, put
        self._process: subprocess.Popen[str] | None = None
        self._given_up = self._hung = False
        self._heard = time.monotonic()
        self.thread = threading.Thread(target=self._run, args=(words,), name="imagintalk render", daemon=True)
        self.thread.start()

    def give_up(self) -> None:
        """End it, and remove the clip."""
        self._given_up = True
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self.ended:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, words: list[str]) -> None:
        try:
            news = self._follow(words)
        except OSError as error:
            news = Refused(self._key, f"the strip cannot be rendered: {error}")
        (self._folder / _COPY).unlink(missing_ok=True)
        self.ended = True  # before the question, so that whoever gives it up after it removes the folder
        if self._given_up or isinstance(news, Refused):
            shutil.rmtree(self._folder, ignore_errors=True)
        self._put(news)  # which nobody hears who gave it up

    def _follow(self, words: list[str]) -> Rendered | Refused:
        """Tell of progress; what became of it. Raises OSError: the program cannot be started."""
        self._process = process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if self._given_up:  # before there was a process
            process.kill()
        threading.Thread(target=self._watch, args=(process,), name="imagintalk watch", daemon=True).start()
        said = ""
        for line in process.stdout or ():
            self._heard = time.monotonic()
            word, _, rest = line.strip().partition(" ")
            if word == "imagintalk:progress":
                self._put(RenderProgress(self._key, float(rest)))
            elif word == "imagintalk:error":
                said = rest
        process.wait()
        clip = self._folder / _CLIP
        if process.returncode == 0 and clip.is_file():
            return Rendered(self._key, str(clip))
        if process.returncode < 0 and not self._hung and not said:
            return Refused(self._key, "the render of the strip was stopped")
        why = said or ("it made no frame for ten minutes" if self._hung else f"exit code {process.returncode}")
        return Refused(self._key, f"the strip cannot be rendered: {why}")

    def _watch(self, process: subprocess.Popen[str]) -> None:
        """End a process that says nothing for too long."""
        while process.poll() is None:
            if time.monotonic() - self._heard > _SILENT_S:
                self._hung = True
                process.kill()
            time.sleep(1.0)
