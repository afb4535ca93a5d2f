"""A take's way onto the timeline: one sound strip for each piece of its source, in step with the picture."""

from __future__ import annotations

from typing import Any

import bpy

from . import compat, paths, silence, strips
from .dub import Dub, request_to_json
from .strips import Found
from .timing import beginning, keeps_speed

_SAME_RATE = 1e-4
"""Relative."""

DELETED = "its strip was deleted; the take is in the list, and Place puts it under another"


class Unplaced(Exception):
    """A take cannot be put there; one line."""


def home_of(dub: Dub) -> list[Found]:
    """The pieces of a dub's source, in the scene where it was asked for if they are still there."""
    found = strips.with_id(dub.source)
    at_home = [one for one in found if one.scene.name == dub.scene]
    return at_home or [one for one in found if one.scene == found[0].scene]


def missing(dub: Dub) -> tuple[tuple[str, int], ...]:
    """Path and seed of those of its takes that no scene holds yet."""
    held = [scene.imagintalk.takes for scene in bpy.data.scenes]
    return tuple((path, seed) for path, seed in dub.files if all(takes.find(_take_id(dub, seed)) < 0 for takes in held))


def _take_id(dub: Dub, seed: int) -> str:
    return f"{dub.key}-{seed}"


def insert(dub: Dub) -> Any:
    """Enter the takes of a dub whose files are here, and place them; the scene that holds them."""
    pieces = home_of(dub)
    scene = pieces[0].scene if pieces else bpy.data.scenes.get(dub.scene) or bpy.data.scenes[0]
    strange = _strange_rate(scene, dub, pieces)
    for path, seed in dub.files:
        take = _enter(scene, dub, path, seed)
        take.warnings = "\n".join([*dub.warnings, *strange])
        place(scene, take, [one.strip for one in pieces])
    return scene


def _strange_rate(scene: Any, dub: Dub, pieces: list[Found]) -> list[str]:
    """Words where the scene's rate has changed since, and with it how fast the strip is played."""
    now = compat.rate(scene)
    if not dub.rate or abs(now / dub.rate - 1) < _SAME_RATE or all(keeps_speed(one.strip) for one in pieces):
        return []
    return [
        f"it fits {dub.rate:g} frames per second, as the scene had when it was asked for; now it has {now:g}, and plays"
        " the strip at another speed: regenerate it"
    ]


def _enter(scene: Any, dub: Dub, path: str, seed: int) -> Any:
    path = paths.brought_home(scene, path)
    take = scene.imagintalk.takes.add()
    request = dub.request
    take.name, take.source, take.source_label = _take_id(dub, seed), dub.source, dub.label
    take.label, take.path = bpy.path.display_name_from_filepath(path), paths.remember(path)
    take.request, take.seed, take.model = request_to_json(request), seed, dub.model
    take.emotion, take.intensity, take.voice = request.emotion, request.intensity, paths.remember(request.voice)
    take.offset, take.frames, take.rate, take.rendered = dub.offset, dub.frames, dub.rate, dub.rendered
    return take


def place(scene: Any, take: Any, pieces: list[Any]) -> list[Any]:
    """Put a take under the pieces of its source, away from where it was, and mute what it replaces; its strips.

    Where it can be put nowhere its note says why, and it stays where it was.
    """
    take.note = "" if pieces else DELETED
    old, placed = strips.take_strips(scene, take.name), []
    for piece in pieces:
        at, frames = _reach(scene, take, piece)
        low, high = max(round(at), compat.left(piece)), min(round(at) + frames, compat.right(piece))
        if high <= low:
            continue  # this piece shows nothing of what was dubbed
        try:
            placed.append(_place_one(scene, take, piece, (at, low, high), old))
        except (Unplaced, RuntimeError) as error:
            take.note = str(error).removeprefix("Error: ").strip()
    if pieces and not placed and not take.note:
        take.note = "its strip no longer shows what was dubbed"
    if placed:
        _settle(scene, take, placed, pieces, old)
    return placed


def _settle(scene: Any, take: Any, placed: list[Any], pieces: list[Any], old: list[Any]) -> None:
    """What follows of a take that is on the timeline now."""
    replaces = scene.imagintalk.settings.replace_sound
    for strip in placed:
        mute_others(scene, strip)
    for strip in old:
        remove(scene, strip)
    for piece in pieces:
        silence.settle(scene, compat.container_of(piece, scene), compat.span(piece), piece if replaces else None)
    scene.imagintalk.active_take = scene.imagintalk.takes.find(take.name)


def remove(scene: Any, strip: Any) -> None:
    """Take a take's strip off the timeline; a clip's own sound comes back there."""
    container, span = compat.container_of(strip, scene), compat.span(strip)
    strips.remove_sound(container, strip)
    silence.settle(scene, container, span)


def _reach(scene: Any, take: Any, piece: Any) -> tuple[float, int]:
    """Frame of the timeline on which a take begins under a piece, and how many it lasts.

    Both were counted at the scene's rate of then; a strip played at its file's rate still shows as many seconds.
    """
    faster = compat.rate(scene) / take.rate if take.rate else 1.0
    offset = take.offset * (faster if keeps_speed(piece) else 1.0)
    return beginning(piece) + offset, round(take.frames * faster)


def _place_one(scene: Any, take: Any, piece: Any, frames: tuple[float, int, int], leaving: list[Any]) -> Any:
    """frames: where the take begins, where it is first shown, and where it ends. Raises Unplaced, RuntimeError."""
    at, low, high = frames
    container, settings = compat.container_of(piece, scene), scene.imagintalk.settings
    channel = strips.free_channel(container, piece, low, high, settings.channel_rule, settings.channel, leaving)
    if channel is None:
        raise Unplaced("no channel is free there")
    path = paths.file_of(scene, take)
    if not path.is_file():  # of which Blender would make a strip of one frame
        raise Unplaced(f"its file is gone: {path}")
    strip = compat.strips(container).new_sound(take.label, str(path), channel, round(at))
    compat.delay_sound(strip, (at - round(at)) / compat.rate(scene))
    compat.trim(strip, low, high)
    strip[strips.TAKE], strip[strips.SOURCE] = take.name, take.source
    strip.show_waveform = True
    return strip


def mute_others(scene: Any, strip: Any) -> None:
    """Let a take's strip be heard, and no other take of its source where it is."""
    strip.mute = False
    for other in strips.takes_in(scene):
        if (
            other[strips.SOURCE] == strip[strips.SOURCE]
            and other[strips.TAKE] != strip[strips.TAKE]
            and strips.overlap(other, strip)
        ):
            other.mute = True
