"""A job of the journal as clients see it."""

from __future__ import annotations

import json
from typing import Any

from .journal import JobRow
from .protocol import DONE, RUNNING, ClipRequest, Job


def view(
    row: JobRow,
    request: ClipRequest,
    stage: str = "",
    fraction: float = 0.0,
    seconds_left: float | None = None,
    notes: tuple[str, ...] | None = None,
) -> Job:
    """fraction: 0..1 of the running job; seconds_left: of it; notes: in place of those that the journal has."""
    return Job(
        id=row.id,
        state=row.state,
        stage=stage if row.state == RUNNING else "",
        fraction=1.0 if row.state == DONE else fraction,
        seconds_left=seconds_left,
        reason=row.reason,
        notes=tuple(json.loads(row.notes)) if notes is None else notes,
        clip=request.path,
        priority=row.priority,
        takes=request.takes,
        created_s=row.created_s,
        started_s=row.started_s,
        finished_s=row.finished_s,
        cached=bool(row.cached),
    )


def view_row(row: JobRow) -> Job:
    """Of a job that is finished."""
    return view(row, request_of(row))


def request_of(row: JobRow) -> ClipRequest:
    """The request that the journal holds. What an older program entered lacks the newest fields, which have their
    defaults then. Raises ProtocolError.
    """
    packed = _tuples(json.loads(row.request))
    return ClipRequest.unpack(packed + ClipRequest("").pack()[len(packed) :])


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
