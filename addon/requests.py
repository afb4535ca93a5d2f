"""From a strip and what is wanted to a dub."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from . import compat, strips
from .dub import RENDERING, WAITING, Dub
from .properties import LARGEST_SEED, STEPS
from .timing import TimingError, beginning, time_map
from .wishes import AUTO, Choice, wished


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


def fulfil(dub: Dub) -> None:
    """Look at the strip of a dub that is to be prepared; it has failed where the strip cannot be dubbed."""
    found = strips.piece(dub.source, dub.scene, dub.label)
    try:
        if found is None:
            raise RequestError(f"{dub.label}: the strip was deleted")
        _look_at(dub, found.scene, found.strip)
    except RequestError as error:
        dub.fail(str(error))


def new_seed() -> int:
    return random.randint(0, LARGEST_SEED)


def prepare(scene: Any, strip: Any, choice: Choice, priority: int) -> Dub:
    """The dub of what a strip shows. Raises RequestError.

    A movie is read by the worker from its file. Of a scene, meta or image strip the request's path is empty: it must be
    rendered first.
    """
    if not strips.can_be_dubbed(strip):
        raise RequestError("expected a movie, image, scene or meta strip; select one that shows somebody speaking")
    dub = wished(scene.name, "", strip.name, choice, priority)
    _look_at(dub, scene, strip)
    return dub


def _look_at(dub: Dub, scene: Any, strip: Any) -> None:
    """Raises RequestError."""
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
    dub.request = replace(dub.request, path=path, times=times, face=face if face >= 0 else None)
    dub.source, dub.label = strips.identify(strip), strip.name
    dub.offset, dub.frames, dub.rate = compat.left(strip) - beginning(strip), frames, compat.rate(scene)
    dub.rendered = not path
    dub.state = RENDERING if dub.rendered else WAITING


def _movie_path(strip: Any) -> str:
    """Of a movie strip's file. Raises RequestError: it is gone."""
    path = Path(bpy.path.abspath(strip.filepath)).resolve()
    if not path.is_file():
        raise RequestError(f"{path}: the strip's file is gone; relink it, then try again")
    return str(path)
