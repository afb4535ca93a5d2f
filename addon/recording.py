"""The sound of a strip as a file: a recording of a voice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import compat, paths
from .timing import TimingError, time_map

_NEAR_S = 0.2
"""By which a strip may miss its file's ends and still show all of it."""


class RecordingError(Exception):
    """A strip's sound cannot be had; one line."""


def of_strip(scene: Any, strip: Any, folder: Path) -> str:
    """Path of what is heard in a sound or movie strip: its file, or a WAV in `folder` of the part that the strip shows.

    Raises RecordingError.
    """
    name = strip.sound.filepath if strip.type == compat.SOUND else strip.filepath
    path = compat.absolute(name)
    if not os.path.isfile(path):
        raise RecordingError(f"{path}: the strip's file is gone; relink it, then try again")
    try:
        part = _shown(scene, strip)
    except TimingError as error:
        raise RecordingError(f"{strip.name}: {error}") from None
    target = paths.free_name(folder, f"{paths.plain(strip.name)}_voice", ".wav")
    return str(target) if _cut_out(path, part, target) else path


def _cut_out(path: str, part: tuple[float, float], target: Path) -> bool:
    """Write those seconds of a sound to a WAV, unless they are all of it; whether they were written."""
    try:
        import aud
    except ImportError:
        raise RecordingError("this Blender was built without sound; choose a recording of the voice") from None
    try:
        sound = aud.Sound(path)
        rate = sound.specs[0]
        start, end = max(part[0], 0.0), min(part[1], sound.length / rate)
        if start < _NEAR_S and end > sound.length / rate - _NEAR_S:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        sound.limit(start, end).write(
            str(target), int(rate), aud.CHANNELS_MONO, aud.FORMAT_S16, aud.CONTAINER_WAV, aud.CODEC_PCM, 0
        )
    except (aud.error, OSError) as error:
        raise RecordingError(f"{path}: its sound cannot be cut to what the strip shows: {error}") from None
    return True


def _shown(scene: Any, strip: Any) -> tuple[float, float]:
    """Seconds of its file. Raises TimingError."""
    if strip.type == compat.MOVIE:
        seconds = [second for _, second in time_map(strip, scene, compat.source_fps(strip)).points]
        return min(seconds), max(seconds)
    if len(getattr(strip, "retiming_keys", ())):
        raise TimingError("it is retimed; take the voice from an unchanged copy of it")
    rate = compat.rate(scene)
    first = compat.left(strip) - compat.content_start(strip) + compat.content_trim_start(strip)
    return first / rate, (first + compat.duration(strip)) / rate
