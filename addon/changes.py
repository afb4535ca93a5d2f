"""What follows when strips have come or gone by other hands than ours."""

from __future__ import annotations

from . import compat, copies, silence

_counted: dict[int, int] = {}
"""Strips that a scene had when it was looked at last, by the scene's number in this run of Blender."""


def attend(everywhere: bool) -> None:
    """Look at scenes that have more or fewer strips than the last time, or at all; cheap enough for every beat."""
    for scene in compat.own_scenes():
        count = compat.count_strips(scene)
        before = _counted.get(scene.session_uid)
        if everywhere or count != before:
            copies.part(scene)
            if before is not None and count < before:
                silence.release(scene)
            _counted[scene.session_uid] = count
