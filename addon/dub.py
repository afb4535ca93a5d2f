"""One dub: a strip's way from the press of a button to a take on the timeline. Nothing of Blender's in here."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from .worker_api import CANCELLED, DONE, FAILED, QUEUED, RUNNING, ClipRequest, ProtocolError

PREPARING = "preparing"
"""Its strip is still to be looked at: by the timer, so that hundreds of strips do not hold up Blender."""
RENDERING = "rendering"
"""The strip's picture is made into a file first."""
WAITING = "waiting"
"""For a worker that answers."""
SENDING = "sending"
FETCHING = "fetching"
READY = "ready"
"""The takes are here, and wait for a moment in which they may be inserted."""

OPEN = (PREPARING, RENDERING, WAITING, SENDING, QUEUED, RUNNING, FETCHING, READY)
STATES = (*OPEN, DONE, FAILED, CANCELLED)

IN_WORDS = {
    PREPARING: "looking at the strip",
    RENDERING: "rendering the strip",
    WAITING: "waiting for the worker",
    SENDING: "sending",
    QUEUED: "in the queue",
    RUNNING: "running",
    FETCHING: "fetching the take",
    READY: "waits to be inserted",
    DONE: "done",
    FAILED: "failed",
    CANCELLED: "cancelled",
}


@dataclass
class Dub:
    """A job as the add-on knows it; saved in the scene as JSON."""

    scene: str
    """Name of the scene that holds the strip."""
    source: str
    """Id of the strip."""
    label: str
    """What the strip was called."""
    request: ClipRequest
    offset: float
    """Timeline frames from the start of the strip's content to the first frame that is dubbed, once it is prepared."""
    frames: int
    """Timeline frames that are dubbed, once it is prepared."""
    rate: float = 0.0
    """Frames per second of the scene, by which both were counted; 0: not known."""
    state: str = WAITING
    stage: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    reason: str = ""
    number: int | None = None
    """Of the worker's job."""
    worker: str = ""
    """That gave the number."""
    rendered: bool = False
    """The request's path is a temporary file that was made of the strip."""
    files: tuple[tuple[str, int], ...] = ()
    """Path and seed of each take, once they are here."""
    warnings: tuple[str, ...] = ()
    model: str = ""

    @property
    def key(self) -> str:
        return self.request.key

    @property
    def open(self) -> bool:
        return self.state in OPEN

    def fail(self, reason: str) -> None:
        self.state, self.reason, self.seconds_left = FAILED, reason, None

    def to_json(self) -> str:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return json.dumps(values | {"request": self.request.pack()})

    @classmethod
    def from_json(cls, text: str) -> Dub:
        """Raises ValueError: written by another version of the add-on."""
        try:
            values: dict[str, Any] = json.loads(text)
            values["request"] = ClipRequest.unpack(_tuples(values["request"]))
            for name in ("files", "warnings"):
                values[name] = _tuples(values[name])
            dub = cls(**values)
        except (ValueError, TypeError, KeyError, ProtocolError) as error:
            raise ValueError(f"the job was saved by another version of the add-on ({error})") from None
        if dub.state not in STATES:
            raise ValueError(f"the job was saved in a state that this version does not know, {dub.state!r:.40}")
        return dub


def request_to_json(request: ClipRequest) -> str:
    return json.dumps(request.pack())


def new_key() -> str:
    """A name that no other job has."""
    return secrets.token_hex(8)


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
