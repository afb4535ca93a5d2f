"""Pictures of the people in a strip, to choose from."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import bpy.utils.previews

from .news import FacesFound

_icons: Any = None
_folder = Path()
_shown: dict[str, FacesFound] = {}
"""By strip: what the icons show."""


def show(found: FacesFound) -> None:
    """Make icons of the faces that were found in a strip."""
    if _shown.get(found.source) is found:
        return
    _shown[found.source] = found
    for face in found.faces:
        name = _name(found.source, face.index)
        picture = _folder / f"{name}.jpg"  # which Blender may read later
        picture.write_bytes(face.thumbnail)
        if name in _icons:
            del _icons[name]
        _icons.load(name, str(picture), "IMAGE")


def icon(source: str, index: int) -> int:
    """Number of an icon for the layout; 0: none."""
    found = _icons.get(_name(source, index)) if _icons is not None else None
    return int(found.icon_id) if found is not None else 0


def draw_choices(layout: Any, found: FacesFound, chosen: int) -> None:
    """A button for each of the people, and one for whoever speaks. chosen: number of a face, or -1."""
    layout.operator("imagintalk.choose_face", text="Who speaks", depress=chosen == -1).face = -1
    grid = layout.grid_flow(columns=3, align=True)
    for face in found.faces:
        column = grid.column(align=True)
        column.template_icon(icon(found.source, face.index), scale=4.0)
        words = f"Face {face.index + 1}"
        column.operator("imagintalk.choose_face", text=words, depress=chosen == face.index).face = face.index


def _name(source: str, index: int) -> str:
    return f"{source} {index}"


def register() -> None:
    global _icons, _folder
    _icons, _folder = bpy.utils.previews.new(), Path(tempfile.mkdtemp(prefix="imagintalk-"))


def unregister() -> None:
    global _icons
    _shown.clear()
    bpy.utils.previews.remove(_icons)
    shutil.rmtree(_folder, ignore_errors=True)
    _icons = None
