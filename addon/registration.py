"""Registers and unregisters the add-on's parts, in order."""

from __future__ import annotations

from . import faces, handlers, menus, operators, panels, preferences, properties, rendering, state, tick

_PARTS = (preferences, properties, faces, operators, panels, menus, handlers, tick)


def register() -> None:
    state.begin()
    for part in _PARTS:
        part.register()


def unregister() -> None:
    for part in reversed(_PARTS):
        part.unregister()
    rendering.stop_all()
    state.end()
