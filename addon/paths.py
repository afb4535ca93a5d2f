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

from .dub import Dub

_LONGEST_STEM = 100
_OWN = "//"


@cache
def unsaved_folder() -> Path:
    """Where takes wait until the .blend is saved for the first time."""
    return Path(tempfile.gettempdir()) / f"imagintalk-{getpass.getuser()}"


def takes_folder(setting: str, blend: str) -> Path:
    """The folder that a setting means. blend: path of the .blend, empty while it is unsaved."""
    if not setting.startswith(_OWN):
        return Path(os.path.abspath(os.path.expanduser(setting))) if setting else takes_folder("//imagintalk/", blend)
    if not blend:
        return unsaved_folder()
    return Path(blend).parent / setting.removeprefix(_OWN)


def stem_of(pattern: str, dub: Dub) -> str:
    """A file name without suffix. Unknown names in braces stay as they are; what no file system takes is left out."""
    voice = dub.request.voice
    known = {
        "strip": os.path.splitext(dub.label)[0],
        "scene": dub.scene,
        "emotion": dub.request.emotion,
        "seed": str(dub.request.seed),
        "voice": Path(voice).stem if os.path.isabs(voice) else voice,
    }
    filled = re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), pattern)
    plain = re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", filled).strip(" .")
    return plain[:_LONGEST_STEM] or "take"


def remember(path: str) -> str:
    """A path as the scene keeps it: relative to the .blend where that is saved and on the same drive."""
    if not bpy.data.filepath:
        return path
    try:
        return str(bpy.path.relpath(path))
    except ValueError:
        return path


def file_of(take: Any) -> Path:
    """A take's file: as the scene remembers it, else where its strip's sound is, which Blender keeps track of."""
    remembered = Path(bpy.path.abspath(take.path))
    if remembered.is_file():
        return remembered
    sounds = (Path(bpy.path.abspath(sound.filepath)) for sound in bpy.data.sounds)
    return next((path for path in sounds if path.name == remembered.name and path.is_file()), remembered)


def move_unsaved(blend: str) -> list[str]:
    """Move takes that waited in the temporary folder beside a .blend that is being saved; words for what failed."""
    waiting, failed = unsaved_folder(), []
    for scene in bpy.data.scenes:
        target = takes_folder(scene.imagintalk.settings.folder, blend)
        for take in scene.imagintalk.takes:
            old = Path(bpy.path.abspath(take.path))
            if old.parent != waiting or not old.is_file():
                continue
            try:
                new = _move(old, target)
            except OSError as error:
                failed.append(f"{old.name} stays in {waiting}: {target} cannot be written to ({error.strerror})")
                continue
            for sound in bpy.data.sounds:
                if Path(bpy.path.abspath(sound.filepath)) == old:
                    sound.filepath = str(new)
            take.path = str(new)
    return failed


def _move(old: Path, folder: Path) -> Path:
    """Raises OSError. The old file stays where it cannot be removed."""
    folder.mkdir(parents=True, exist_ok=True)
    new, number = folder / old.name, 2
    while new.exists():
        new, number = folder / f"{old.stem}_{number}{old.suffix}", number + 1
    shutil.copy2(old, new)
    old.unlink(missing_ok=True)
    return new
