"""Blender's own events that the add-on must hear of."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import saving, state, undo


@persistent
def _save_pre(path: Any, *_: Any) -> None:
    if not isinstance(path, str) or not path:
        return
    undo.mend()  # first: it brings back paths, which the save may change
    failed = saving.begin(path)
    if failed:
        state.session().trouble = "; ".join(failed)
    state.write_jobs(set(state.session().dubs))


@persistent
def _save_post(path: Any, *_: Any) -> None:
    saving.end(saving.SAVED if path == bpy.data.filepath else saving.COPIED)


@persistent
def _save_failed(*_: Any) -> None:
    saving.end(saving.FAILED)


@persistent
def _load_post(*_: Any) -> None:
    saving.forget()
    state.after_load()


@persistent
def _undone(*_: Any) -> None:
    undo.happened()


_HANDLERS = {
    "save_pre": _save_pre,
    "save_post": _save_post,
    "save_post_fail": _save_failed,
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
