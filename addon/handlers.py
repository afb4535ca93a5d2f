"""Blender's own events that the add-on must hear of."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import paths, state


@persistent
def _save_pre(path: Any, *_: Any) -> None:
    if not isinstance(path, str) or not path:
        return
    failed = paths.move_unsaved(path)
    if failed:
        state.session().trouble = "; ".join(failed)
    state.mend()
    state.write_jobs(set(state.session().dubs))


@persistent
def _load_post(*_: Any) -> None:
    state.after_load()


@persistent
def _undone(*_: Any) -> None:
    state.after_undo()


_HANDLERS = {
    "save_pre": _save_pre,
    "load_post": _load_post,
    "undo_post": _undone,
    "redo_post": _undone,
}


def register() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
