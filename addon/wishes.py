"""What a user wishes for a strip: how a take is to be made. Nothing of Blender's in here."""

from __future__ import annotations

from dataclasses import dataclass

from .dub import new_key
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


@dataclass(frozen=True)
class Wish:
    """A strip that is to be dubbed: the timer prepares it, so that hundreds do not hold up Blender."""

    scene: str
    source: str
    """Id of the strip."""
    label: str
    """Its name, which tells the pieces of a split from each other."""
    choice: Choice
    priority: int


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
