"""Takes that are ready go onto the timeline in little pieces, and those that come together as one undo step."""

from __future__ import annotations

from dataclasses import replace

import bpy

from . import placing, state
from .dub import READY, Dub
from .worker_api import DONE


def insert_next(dub: Dub) -> None:
    """Put one more take of a dub on the timeline; with the last one the dub is done."""
    try:
        placing.insert(replace(dub, files=placing.missing(dub)[:1]))
    except (RuntimeError, ReferenceError, OSError) as error:
        dub.fail(f"the take could not be put on the timeline: {' '.join(str(error).split())}")
    else:
        if placing.missing(dub):
            return
        dub.state, dub.fraction = DONE, 1.0
    # The job is written before the step is made: whoever undoes and redoes it finds it done in both.
    state.write_jobs({dub.key})
    state.session().changed.discard(dub.key)
    state.session().unsealed.append(dub)


def seal() -> None:
    """Make an undo step of what was inserted since the last one."""
    unsealed = state.session().unsealed
    words = unsealed[0].label if len(unsealed) == 1 else f"{len(unsealed)} takes"
    unsealed.clear()
    bpy.ops.ed.undo_push(message=f"ImaginTalk: {words}")


def insert_again() -> None:
    """An undo took away what had no step of its own yet: it is ready once more."""
    for dub in state.session().unsealed:
        if dub.state == DONE and placing.missing(dub):
            dub.state = READY
    state.session().unsealed.clear()
