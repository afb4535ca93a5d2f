"""Undo and redo bring back scenes as they were: what has happened since stays, but for takes that were inserted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import changes, compat, copies, insertion, saving, state, strips
from .dub import PREPARING, Dub
from .timing import beginning

_pending = False


def happened() -> None:
    """Something was undone or redone: mend at the next beat."""
    global _pending
    _pending = True


def pending() -> bool:
    """Whether the scenes are still to be mended."""
    return _pending


def mend() -> None:
    """Make scenes right after an undo, if there was one."""
    global _pending
    if not _pending:
        return
    _pending = False
    insertion.insert_again()
    now = state.session()
    for scene in compat.own_scenes():
        for name in [item.name for item in scene.imagintalk.jobs if item.name in now.dropped]:  # cleared since
            scene.imagintalk.jobs.remove(scene.imagintalk.jobs.find(name))
    now.changed |= set(now.dubs)
    saving.mend_after_undo()
    _identify_again()
    changes.attend(everywhere=True)


@dataclass(eq=False)
class _Nameless:
    """A strip that may have lost its id."""

    strip: Any
    name: str
    file: str
    """Of a movie strip."""
    first: float
    """Timeline frames from the start of its content to the first that it shows."""

    def likeness(self, dub: Dub) -> int:
        """To a dub's strip: one of its name is likely, one of its file from its frame on likelier; 0: neither."""
        named = self.name == dub.label
        if dub.state == PREPARING:  # of which no more is known
            return int(named)
        if self.file != ("" if dub.rendered else dub.request.path):
            return 0
        return 2 * (abs(self.first - dub.offset) < 1) + named


def _identify_again() -> None:
    """Where ids of strips were undone that open jobs know them by, give them back."""
    count = Counter(
        strip[strips.ID] for scene in bpy.data.scenes for strip in compat.all_strips(scene) if strips.ID in strip
    )
    dubs = [dub for dub in state.session().dubs.values() if dub.open and dub.source not in count]
    lost = {(dub.scene, dub.source, dub.label): dub for dub in dubs}  # of several jobs of a strip one is enough
    for scene in compat.own_scenes():
        wanted = [dub for dub in lost.values() if dub.scene == scene.name]
        nameless = _nameless(scene, count) if wanted else []
        for dub in wanted:
            found = max(nameless, key=lambda one: one.likeness(dub), default=None)
            if found is not None and found.likeness(dub):
                found.strip[strips.ID] = dub.source
                nameless.remove(found)


def _nameless(scene: Any, count: Counter[str]) -> list[_Nameless]:
    """Strips without an id of their own."""
    found = []
    for strip in compat.all_strips(scene):
        source = strip.get(strips.ID)
        if strips.can_be_dubbed(strip) and (not source or (count[source] > 1 and copies.is_one(strip))):
            file = str(Path(bpy.path.abspath(strip.filepath)).resolve()) if strip.type == compat.MOVIE else ""
            found.append(_Nameless(strip, strip.name, file, compat.left(strip) - beginning(strip)))
    return found
