"""The beat of the main thread: takes in news, inserts takes, keeps scenes and panels up to date. A plain function."""

from __future__ import annotations

import time
import traceback

import bpy

from . import changes, faces, guard, placing, rendering, state
from .dub import READY, RENDERING, WAITING, Dub
from .requests import fulfil
from .worker_api import DONE

HURRY_S, BUSY_S, IDLE_S = 0.01, 0.1, 0.5
BUDGET_S = 0.01
"""After which the rest waits for the next beat."""

_resync = False
_inserted = False
"""The last beat put takes on the timeline."""

_unsealed: list[Dub] = []
"""What was inserted and has no undo step yet."""


def after_undo() -> None:
    """Something was undone or redone: mend at the next beat."""
    global _resync
    _resync = True


def tick() -> float | None:
    """One beat; seconds until the next, None: no more. Blender's timer calls it, and tests do."""
    if not state.running():
        return None
    try:
        return _beat()
    except Exception as error:  # noqa: BLE001 - a timer that raises is never called again
        traceback.print_exc()
        state.session().trouble = f"fault of the add-on: {type(error).__name__}: {error}; please report it"
        return IDLE_S


def _beat() -> float:
    """Inserts, or takes in news and writes jobs: never both, to be short."""
    global _resync, _inserted
    now = state.session()
    state.settle()
    waits = guard.reason_to_wait()
    heard, now.waits = waits != now.waits, waits
    if not waits:
        if _resync:
            _insert_again()
            state.mend_after_undo()
        changes.attend(everywhere=_resync)
        _resync = False
    _inserted = not waits and not _inserted and _insert_ready()
    if not _inserted:
        heard = _take_in(waits) or heard
    if heard or _inserted:
        redraw()
    if now.wishes or (not waits and any(dub.state == READY for dub in now.dubs.values())):
        return HURRY_S
    return BUSY_S if any(dub.open for dub in now.dubs.values()) else IDLE_S


def _take_in(waits: str) -> bool:
    """News, strips that are to be dubbed, and what follows of them; whether there is something new to see."""
    now = state.session()
    state.adopt()
    heard = now.drain(BUDGET_S)
    for found in now.faces.values():
        faces.show(found)
    heard = _prepare_wished() or heard
    for dub in [dub for dub in now.dubs.values() if dub.state == RENDERING]:
        rendering.begin(dub, now.news.put)
    if now.changed and not waits:
        keys, now.changed = now.changed, set()
        state.write_jobs(keys)
        heard = True
    return heard


def _prepare_wished() -> bool:
    """Make dubs of strips that are to be dubbed, as many as the time allows."""
    began, now, made = time.perf_counter(), state.session(), []
    while now.wishes and time.perf_counter() - began < BUDGET_S:
        made.append(fulfil(now.wishes.popleft()))
    for dub in made:
        now.add(dub)
    now.send(dub for dub in made if dub.state == WAITING)
    return bool(made)


def _insert_ready() -> bool:
    """Insert takes that wait, as many as the time allows; those that came together are one undo step."""
    began = time.perf_counter()
    ready = [dub for dub in state.session().dubs.values() if dub.state == READY]
    for number, dub in enumerate(ready):
        if number and time.perf_counter() - began > BUDGET_S:
            return True
        _insert(dub)
        _unsealed.append(dub)
    _seal()
    return bool(ready)


def _insert_again() -> None:
    """An undo took away what had no step of its own yet."""
    for dub in _unsealed:
        if dub.state == DONE and not placing.entered(dub):
            dub.state = READY
    _unsealed.clear()


def _insert(dub: Dub) -> None:
    dub.state, dub.fraction = DONE, 1.0
    try:
        placing.insert(dub)
    except (RuntimeError, ReferenceError, OSError) as error:
        dub.fail(f"the take could not be put on the timeline: {' '.join(str(error).split())}")
    if dub.state == DONE:
        rendering.clean(dub.request.path)
    # The job is written with the step: whoever undoes and redoes it finds it done in both.
    state.write_jobs({dub.key})
    state.session().changed.discard(dub.key)


def _seal() -> None:
    """Make an undo step of what was inserted since the last one."""
    if _unsealed:
        words = _unsealed[0].label if len(_unsealed) == 1 else f"{len(_unsealed)} takes"
        _unsealed.clear()
        bpy.ops.ed.undo_push(message=f"ImaginTalk: {words}")


def redraw() -> None:
    """Have every sequencer's sidebar drawn anew, and nothing else: a preview takes long."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas if window.screen is not None else ():
            for region in area.regions if area.type == "SEQUENCE_EDITOR" else ():
                if region.type == "UI":
                    region.tag_redraw()


def register() -> None:
    bpy.app.timers.register(tick, first_interval=0.1, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
