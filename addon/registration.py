"""Registers and unregisters the add-on's parts, in order."""

from __future__ import annotations


def register() -> None:
    pass


def unregister() -> None:
    pass
