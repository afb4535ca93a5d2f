"""What scenes know of files follows the .blend, wherever that is saved.

Blender does this for its own paths only. A saved copy must have the paths that are right there, and the open file those
that are right here; whether a save is one of a copy is known when it is over. So paths are changed for the save, and
after that of a copy, or one that failed, changed back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
    folder: str
    """Of the open file, until then."""
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
_moved: dict[Path, Path] = {}
"""Where files are that waited in the temporary folder, of all saves of the open file."""
_folders: list[str] = []
"""Where the open file was saved before."""


def begin(blend: str) -> list[str]:
    """A .blend is being saved there: make paths right for it; words for what could not be done."""
    global _save
    _save = _Save(blend, os.path.dirname(bpy.data.filepath))
    for scene, owner, name in _held():
        _follow(_save, paths.takes_folder(scene.imagintalk.settings.folder, blend), owner, name)
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
    if result == SAVED:
        _moved.update(now.copied)
        _folders.insert(0, now.folder)
    else:
        for owner, name, value in reversed(now.before):
            setattr(owner, name, value)
    if result != COPIED:
        for old, new in now.copied.items():
            (old if result == SAVED else new).unlink(missing_ok=True)


def mend_after_undo() -> None:
    """Undo brings back paths as they were before a save: have them lead to their files again."""
    for _, owner, name in _held():
        path = getattr(owner, name)
        plain = path.removeprefix(paths.OWN)
        there = [Path(folder, plain) for folder in _folders] if plain != path else []
        known = Path(compat.absolute(path))
        found = _moved.get(known) or next((one for one in there if one.is_file()), None)
        if found is not None and not known.is_file():
            setattr(owner, name, paths.remember(os.path.normpath(found)))
    for sound in bpy.data.sounds:
        new = _moved.get(Path(compat.absolute(sound.filepath)))
        if new is not None:
            sound.filepath = str(new)


def forget() -> None:
    """Another file was opened."""
    _moved.clear()
    _folders.clear()


def _held() -> Iterator[tuple[Any, Any, str]]:
    """Scene, owner and name of each path that must lead somewhere: takes, and recordings that are not the user's."""
    for scene in compat.own_scenes():
        held = scene.imagintalk
        for take in held.takes:
            yield scene, take, "path"
            if _is_ours(take.voice):
                yield scene, take, "voice"
        if _is_ours(held.settings.voice_file):
            yield scene, held.settings, "voice_file"


def _is_ours(path: str) -> bool:
    return path.startswith(paths.OWN) or Path(path).parent == paths.unsaved_folder()


def _waits(path: Path) -> bool:
    return path.parent == paths.unsaved_folder() and path.is_file()


def _follow(save: _Save, folder: Path, owner: Any, name: str) -> None:
    """Have a path lead to its file from where the .blend will be."""
    if getattr(owner, name).startswith(paths.OWN) and not save.folder:
        return  # which was meant for the .blend that there is only now
    old = Path(compat.absolute(getattr(owner, name)))
    if _waits(old) and old not in save.copied:
        try:
            save.copied[old] = paths.copy_into(folder, old)
        except OSError as error:
            save.failed.append(f"{old.name} stays in {old.parent}: {folder} cannot be written to ({error.strerror})")
    save.set(owner, name, paths.remember(str(save.copied.get(old, old)), save.blend))
