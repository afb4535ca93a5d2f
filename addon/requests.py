"""From a strip and what is wanted to a dub."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import compat, strips
from .dub import RENDERING, Dub, new_key
from .properties import LARGEST_SEED, STEPS
from .timing import TimingError, time_map
from .worker_api import ClipRequest

AUTO = "auto"


class RequestError(Exception):
    """A strip cannot be dubbed as it is; one line that says what to do."""


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


def choice_of(settings: Any) -> Choice:
    """What a scene's settings say. Raises RequestError."""
    return Choice(
        emotion=settings.emotion,
        intensity=settings.intensity,
        voice=voice_of(settings),
        seed=settings.seed,
        takes=settings.takes,
        steps=STEPS[settings.quality],
        guidance=settings.guidance if settings.use_guidance else None,
    )


def voice_of(settings: Any) -> str:
    """As a request names it. Raises RequestError: nothing is chosen, or the recording is gone."""
    if settings.voice == "FILE":
        path = bpy.path.abspath(settings.voice_file)
        if not settings.voice_file or not os.path.isfile(path):
            raise RequestError(f"{path or 'no recording chosen'}: expected a sound file of the wanted voice")
        return str(Path(path).resolve())
    if settings.voice == "PRESET":
        if not settings.voice_preset:
            raise RequestError("no preset is chosen; choose a voice of the model, or another source of the voice")
        return str(settings.voice_preset)
    return AUTO


def new_seed() -> int:
    return random.randint(0, LARGEST_SEED)


def prepare(scene: Any, strip: Any, choice: Choice, priority: int) -> Dub:
    """The dub of what a strip shows. Raises RequestError.

    A movie is read by the worker from its file. Of a scene, meta or image strip the request's path is empty: it must be
    rendered first.
    """
    if not strips.can_be_dubbed(strip):
        raise RequestError("expected a movie, image, scene or meta strip; select one that shows somebody speaking")
    frames = compat.duration(strip)
    if frames < 1:
        raise RequestError(f"{strip.name}: shows no frame")
    path = ""
    times: tuple[tuple[float, float], ...] = ()
    if strip.type == compat.MOVIE:
        path = movie_path(strip)
        try:
            times = time_map(strip, scene, compat.source_fps(strip)).points
        except TimingError as error:
            raise RequestError(f"{strip.name}: {error}") from None
    face = int(strip.get(strips.FACE, -1))
    request = ClipRequest(
        path=path,
        emotion=choice.emotion,
        intensity=choice.intensity,
        emotions=choice.emotions,
        voice=choice.voice,
        face=face if face >= 0 else None,
        seed=choice.seed,
        takes=choice.takes,
        steps=choice.steps,
        guidance=choice.guidance,
        priority=priority,
        key=new_key(),
        times=times,
    )
    dub = Dub(
        scene=scene.name,
        source=strips.identify(strip),
        label=strip.name,
        request=request,
        offset=compat.left(strip) - compat.content_start(strip),
        frames=frames,
        rendered=not path,
    )
    if dub.rendered:
        dub.state = RENDERING
    return dub


def movie_path(strip: Any) -> str:
    """Of a movie strip's file. Raises RequestError: it is gone."""
    path = Path(bpy.path.abspath(strip.filepath)).resolve()
    if not path.is_file():
        raise RequestError(f"{path}: the strip's file is gone; relink it, then try again")
    return str(path)
