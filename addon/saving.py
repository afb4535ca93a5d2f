"""What scenes know of files follows the .blend, wherever that is saved.

Blender does this for its own paths only. A saved copy must have the paths that are right there, and the open file those
that are right here; whether a save is one of a copy is known when it is over. So paths are changed for the save, and
after that of a copy, or one that failed, changed back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from . import compat, paths

SAVED, COPIED, FAILED = "saved", "copied", "failed"
"""COPIED: the open file is still the one that it was."""


@dataclass
class _Save:
    """What one save has changed."""

    blend: str
    before: list[tuple[Any, str, str]] = field(default_factory=list)
    """Owner, name and value of each path."""
    copied: dict[Path, Path] = field(default_factory=dict)
    """Files that waited in the temporary folder, and where they are now."""
    failed: list[str] = field(default_factory=list)

    def set(self, owner: Any, name: str, path: str) -> None:
        value = getattr(owner, name)
        if value != path:
            self.before.append((owner, name, value))
            setattr(owner, name, path)


_save: _Save | None = None


def begin(blend: str) -> list[str]:
    """A .blend is being saved there: make paths right for it; words for what could not be done."""
    global _save
    _save = _Save(blend)
    for scene in compat.own_scenes():
        held = scene.imagintalk
        folder = paths.takes_folder(held.settings.folder, blend)
        for take in held.takes:
            _follow(_save, folder, take, "path")
        if held.settings.voice_file.startswith(paths.OWN) or _waits(Path(held.settings.voice_file)):
            _follow(_save, folder, held.settings, "voice_file")
    for sound in bpy.data.sounds:
        new = _save.copied.get(Path(compat.absolute(sound.filepath)))
        if new is not None:
            _save.set(sound, "filepath", str(new))
    return _save.failed


def end(result: str) -> None:
    """The save is over: SAVED, COPIED or FAILED."""
    global _save
    now, _save = _save, None
    if now is None:
        return
    if result != SAVED:
        for owner, name, value in reversed(now.before):
            setattr(owner, name, value)
    if result != COPIED:
        for old, new in now.copied.items():
            (old if result == SAVED else new).unlink(missing_ok=True)


def _waits(path: Path) -> bool:
    return path.parent == paths.unsaved_folder() and path.is_file()


def _follow(save: _Save, folder: Path, owner: Any, name: str) -> None:
    """Have a path lead to its file from where the .blend will be."""
    if not getattr(owner, name):
        return
    old = Path(compat.absolute(getattr(owner, name)))
    if _waits(old) and old not in save.copied:
        try:
            save.copied[old] = paths.copy_into(folder, old)
        except OSError as error:
            save.failed.append(f"{old.name} stays in {old.parent}: {folder} cannot be written to ({error.strerror})")
    save.set(owner, name, paths.remember(str(save.copied.get(old, old)), save.blend))
