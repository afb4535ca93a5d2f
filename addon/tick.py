"""The beat of the main thread: takes in news, inserts takes, keeps scenes and panels up to date. A plain function."""

from __future__ import annotations

import time
import traceback

import bpy

from . import changes, faces, guard, insertion, rendering, state, undo
from .dub import PREPARING, READY, RENDERING, WAITING, Dub
from .look import Look
from .requests import fulfil
from .session import STARTING

HURRY_S, BUSY_S, IDLE_S = 0.01, 0.1, 0.5
BUDGET_S = 0.004
"""After which the rest waits for the next beat. Every kind of work does one piece in each, or it might never go on."""
_REDRAW_S = 0.1
"""Between two drawings of the sidebar, which takes longer than a beat."""

_unseen = False
"""Something has changed that the sidebar does not show yet."""
_drawn = 0.0


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
    """Makes an undo step, which takes long, or does all else as long as the time allows."""
    global _unseen
    now, until = state.session(), time.perf_counter() + BUDGET_S
    state.settle()
    waits = guard.reason_to_wait()
    if waits != now.waits:
        now.waits, _unseen = waits, True
    if not waits:
        undo.mend()
        changes.attend(everywhere=False)
    ready = next((dub for dub in now.dubs.values() if dub.state == READY), None)
    if now.unsealed and ready is None and not waits:
        insertion.seal()
    else:
        _unseen = _take_in(until, waits) or _unseen
        if ready is not None and ready.state == READY and not waits:
            insertion.insert_next(ready)
            _unseen = True
    if _unseen:
        _redraw()
    return _pause(waits)


def _pause(waits: str) -> float:
    """Seconds until the next beat."""
    now = state.session()
    states = {dub.state for dub in now.dubs.values()}
    if PREPARING in states or (not waits and (READY in states or now.unsealed or now.changed)):
        return HURRY_S
    open_ones = any(dub.open for dub in now.dubs.values())
    return BUSY_S if open_ones or now.looks or now.worker == STARTING or _unseen else IDLE_S


def _take_in(until: float, waits: str) -> bool:
    """News, strips that are to be dubbed, and what follows of them; whether there is something new to see."""
    now = state.session()
    state.adopt(until)
    seen = now.drain(until)
    for found in now.faces.values():
        faces.show(found)
    if not undo.pending():  # which has taken the ids of strips, until it is mended
        seen = _prepare(until) or seen
    _render(waits)
    while now.changed and not waits:
        state.write_jobs({now.changed.pop()})
        seen = True
        if time.perf_counter() > until:
            break
    return seen


def _prepare(until: float) -> bool:
    """Look at strips that are to be dubbed; whether there were any."""
    now, made = state.session(), []
    for dub in [dub for dub in now.dubs.values() if dub.state == PREPARING]:
        fulfil(dub)
        now.changed.add(dub.key)
        made.append(dub)
        if time.perf_counter() > until:
            break
    now.send(dub for dub in made if dub.state == WAITING)
    return bool(made)


def _render(waits: str) -> None:
    """Have the next strip rendered, and forget renders that nobody needs any more."""
    now = state.session()
    looks = list(now.looks.values())
    dubs = [dub for dub in now.dubs.values() if dub.rendered and dub.open]
    rendering.keep({look.key for look in looks} | {dub.key for dub in dubs})
    wanted: list[Dub | Look] = [look for look in looks if not look.path]
    wanted += [dub for dub in dubs if dub.state == RENDERING]
    if wanted and not waits:
        rendering.begin(wanted[0], now.news.put)


def _redraw() -> None:
    """Have every sequencer's sidebar drawn anew, not too often, and nothing else: a preview takes long."""
    global _unseen, _drawn
    if time.monotonic() - _drawn < _REDRAW_S:
        return
    _unseen, _drawn = False, time.monotonic()
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
