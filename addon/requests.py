"""From a strip and what is wanted to a dub."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from . import compat, strips
from .dub import RENDERING, Dub
from .properties import LARGEST_SEED, STEPS
from .timing import TimingError, beginning, time_map
from .wishes import AUTO, Choice, Wish, request_for


class RequestError(Exception):
    """A strip cannot be dubbed as it is; one line that says what to do."""


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


def fulfil(wish: Wish) -> Dub:
    """The dub that a wish becomes; one that has failed where its strip cannot be dubbed."""
    found = strips.piece(wish.source, wish.scene, wish.label)
    try:
        if found is None:
            raise RequestError(f"{wish.label}: the strip was deleted")
        return prepare(found.scene, found.strip, wish.choice, wish.priority)
    except RequestError as error:
        dub = Dub(wish.scene, wish.source, wish.label, request_for(wish.choice, wish.priority), 0.0, 0)
        dub.fail(str(error))
        return dub


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
    effect = strips.speed_effect(compat.container_of(strip, scene), strip)
    if effect is not None:
        raise RequestError(
            f"{strip.name}: the effect {effect.name} plays it at another speed; put both into a meta strip and dub that"
        )
    path = ""
    times: tuple[tuple[float, float], ...] = ()
    if strip.type == compat.MOVIE:
        path = _movie_path(strip)
        try:
            times = time_map(strip, scene, compat.source_fps(strip)).points
        except TimingError as error:
            raise RequestError(f"{strip.name}: {error}") from None
    face = int(strip.get(strips.FACE, -1))
    request = replace(request_for(choice, priority), path=path, times=times, face=face if face >= 0 else None)
    dub = Dub(
        scene=scene.name,
        source=strips.identify(strip),
        label=strip.name,
        request=request,
        offset=compat.left(strip) - beginning(strip),
        frames=frames,
        rate=compat.rate(scene),
        rendered=not path,
    )
    if dub.rendered:
        dub.state = RENDERING
    return dub


def _movie_path(strip: Any) -> str:
    """Of a movie strip's file. Raises RequestError: it is gone."""
    path = Path(bpy.path.abspath(strip.filepath)).resolve()
    if not path.is_file():
        raise RequestError(f"{path}: the strip's file is gone; relink it, then try again")
    return str(path)
