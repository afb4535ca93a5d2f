"""Blender's own events that the add-on must hear of."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import guard, paths, state, tick


@persistent
def _save_pre(path: Any, *_: Any) -> None:
    guard.set_saving(True)
    if not isinstance(path, str) or not path:
        return
    failed = paths.move_unsaved(path)
    if failed:
        state.session().trouble = "; ".join(failed)
    state.write_jobs(set(state.session().dubs))


@persistent
def _save_post(*_: Any) -> None:
    guard.set_saving(False)


@persistent
def _load_post(*_: Any) -> None:
    guard.set_saving(False)
    guard.set_rendering(False)
    state.after_load()


@persistent
def _undone(*_: Any) -> None:
    tick.after_undo()


@persistent
def _render_begins(*_: Any) -> None:
    guard.set_rendering(True)


@persistent
def _render_ended(*_: Any) -> None:
    guard.set_rendering(False)


_HANDLERS = {
    "save_pre": _save_pre,
    "save_post": _save_post,
    "save_post_fail": _save_post,
    "load_post": _load_post,
    "undo_post": _undone,
    "redo_post": _undone,
    "render_init": _render_begins,
    "render_complete": _render_ended,
    "render_cancel": _render_ended,
}


def register() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
