"""Pictures of the people in a strip, to choose from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import bpy.utils.previews

from .news import FacesFound

_icons: Any = None
_shown: dict[str, FacesFound] = {}
"""By strip: what the icons show."""


def show(found: FacesFound) -> None:
    """Make icons of the faces that were found in a strip."""
    if _shown.get(found.source) is found:
        return
    _shown[found.source] = found
    with tempfile.TemporaryDirectory(prefix="imagintalk-") as folder:
        for face in found.faces:
            picture = Path(folder) / f"{face.index}.jpg"
            picture.write_bytes(face.thumbnail)
            name = _name(found.source, face.index)
            if name in _icons:
                del _icons[name]
            _icons.load(name, str(picture), "IMAGE").icon_size[:]  # read now, for the file goes


def icon(source: str, index: int) -> int:
    """Number of an icon for the layout; 0: none."""
    found = _icons.get(_name(source, index)) if _icons is not None else None
    return int(found.icon_id) if found is not None else 0


def _name(source: str, index: int) -> str:
    return f"{source} {index}"


def register() -> None:
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    global _icons
    _shown.clear()
    bpy.utils.previews.remove(_icons)
    _icons = None
