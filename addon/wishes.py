"""What a user wishes for a strip: how a take is to be made. Nothing of Blender's in here."""

from __future__ import annotations

from dataclasses import dataclass

from .dub import PREPARING, Dub, new_key
from .worker_api import ClipRequest

AUTO = "auto"


@dataclass(frozen=True)
class Choice:
    """How a take is to be made: what its settings say, or those of an older take with changes."""

    emotion: str = AUTO
    intensity: float = 1.0
    emotions: tuple[tuple[float, str, float], ...] = ()
    """Keys of an emotion track: seconds from the strip's first frame, emotion, intensity. Empty: one emotion."""
    voice: str = AUTO
    """`auto`, a preset's name, or the path of a recording."""
    seed: int = 0
    takes: int = 1
    steps: int | None = None
    guidance: float | None = None


def choice_from(request: ClipRequest) -> Choice:
    """How an older request was made."""
    guidance = request.guidance if isinstance(request.guidance, float) else None
    return Choice(
        emotion=request.emotion,
        intensity=request.intensity,
        emotions=request.emotions,
        voice=request.voice,
        seed=request.seed,
        takes=request.takes,
        steps=request.steps,
        guidance=guidance,
    )


def request_for(choice: Choice, priority: int) -> ClipRequest:
    """A new request without a clip."""
    return ClipRequest(
        path="",
        emotion=choice.emotion,
        intensity=choice.intensity,
        emotions=choice.emotions,
        voice=choice.voice,
        seed=choice.seed,
        takes=choice.takes,
        steps=choice.steps,
        guidance=choice.guidance,
        priority=priority,
        key=new_key(),
    )


def wished(scene: str, source: str, label: str, choice: Choice, priority: int) -> Dub:
    """The dub of a strip that is still to be looked at.

    scene: name; source: id of the strip; label: its name, which tells the pieces of a split from each other.
    """
    return Dub(scene, source, label, request_for(choice, priority), offset=0.0, frames=0, state=PREPARING)


def once_more(dub: Dub) -> Dub:
    """A new one in place of a dub: its strip is looked at anew."""
    return wished(dub.scene, dub.source, dub.label, choice_from(dub.request), dub.request.priority)
