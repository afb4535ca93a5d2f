"""Where takes are written, and what they are called."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import bpy

from . import compat, strips
from .dub import Dub

_LONGEST_STEM, _MOST_BYTES = 100, 200
"""Characters and bytes. File systems take 255 bytes; while it is written a file's name is some 40 longer."""
OWN = "//"
"""How a path begins that is relative to the .blend."""


@cache
def unsaved_folder() -> Path:
    """Where takes wait until the .blend is saved for the first time."""
    return Path(tempfile.gettempdir()) / f"imagintalk-{getpass.getuser()}"


def takes_folder(setting: str, blend: str) -> Path:
    """The folder that a setting means. blend: path of the .blend, empty while it is unsaved."""
    path = os.path.expanduser(setting or "//imagintalk/")
    if os.path.isabs(path) and not path.startswith(OWN):
        return Path(os.path.normpath(path))
    if not blend:
        return unsaved_folder()
    return Path(blend).parent / path.removeprefix(OWN)


def stem_of(pattern: str, dub: Dub, seed: int) -> str:
    """A take's file name without suffix. Unknown names in braces stay as they are; what no file system takes goes."""
    voice = dub.request.voice
    known = {
        "strip": os.path.splitext(dub.label)[0],
        "scene": dub.scene,
        "emotion": dub.request.emotion,
        "seed": str(seed),
        "voice": Path(voice).stem if os.path.isabs(voice) else voice,
    }
    filled = re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), pattern)
    return plain(filled) or "take"


def plain(text: str) -> str:
    """As a file's name, without what no file system takes; it may be empty."""
    kept = re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", text).strip(" .")
    short = kept[:_LONGEST_STEM].encode(errors="ignore")[:_MOST_BYTES].decode(errors="ignore")
    return short.rstrip(" .")


def remember(path: str, blend: str = "") -> str:
    """A path as the scene keeps it: relative to the .blend where that is saved and on the same drive.

    What is no absolute path, like the name of a voice, stays as it is. blend: path of the .blend, if not the open one.
    """
    blend = blend or bpy.data.filepath
    if not blend or not os.path.isabs(path) or path.startswith(OWN):
        return path
    try:
        return str(bpy.path.relpath(path, start=os.path.dirname(blend)))
    except ValueError:
        return path


def found(remembered: str) -> str:
    """What `remember` was given."""
    return compat.absolute(remembered) if remembered.startswith(OWN) else remembered


def file_of(scene: Any, take: Any) -> Path:
    """A take's file: as the scene remembers it, else where the sound of its strip is, which Blender keeps track of."""
    remembered = Path(compat.absolute(take.path))
    if remembered.is_file():
        return remembered
    sounds = [strip.sound for strip in strips.take_strips(scene, take.name) if strip.sound is not None]
    paths = (Path(compat.absolute(sound.filepath)) for sound in sounds)
    return next((path for path in paths if path.is_file()), remembered)


def brought_home(scene: Any, path: str) -> str:
    """Where a new take's file is: moved beside the .blend if that was saved while the take was made, and it can be."""
    old = Path(path)
    if not bpy.data.filepath or old.parent != unsaved_folder():
        return path
    try:
        new = copy_into(takes_folder(scene.imagintalk.settings.folder, bpy.data.filepath), old)
    except OSError:
        return path
    old.unlink(missing_ok=True)
    return str(new)


def copy_into(folder: Path, old: Path) -> Path:
    """Copy a file under a name that is free there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    new = free_name(folder, old.stem, old.suffix)
    shutil.copy2(old, new)
    return new


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    new, number = folder / f"{stem}{suffix}", 2
    while new.exists():
        new, number = folder / f"{stem}_{number}{suffix}", number + 1
    return new
