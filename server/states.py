"""The states of a job and its legal moves."""

from __future__ import annotations

from .protocol import CANCELLED, DONE, FAILED, QUEUED, RUNNING

LEGAL = {
    QUEUED: {RUNNING, DONE, FAILED, CANCELLED},  # done at once: the result is in the cache
    RUNNING: {DONE, FAILED, CANCELLED, QUEUED},  # queued again: the worker, or a machine of the cluster, went away
    DONE: set(),
    FAILED: set(),
    CANCELLED: set(),
}


class IllegalMove(RuntimeError):
    """A job was asked to change in a way that the state machine does not know: a fault of the program."""


def check_move(job: int, old: str, new: str) -> None:
    """Raises IllegalMove."""
    if new not in LEGAL[old]:
        raise IllegalMove(f"job {job}: no way from {old} to {new}; from {old} it goes to {sorted(LEGAL[old])}")
