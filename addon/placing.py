"""A take's way onto the timeline: one sound strip for each piece of its source, in step with the picture."""

from __future__ import annotations

from typing import Any

import bpy

from . import compat, paths, strips
from .dub import Dub, request_to_json
from .strips import Found
from .timing import beginning

_MUTED = "imagintalk_muted"
"""Custom property of an original sound that gave way to a take: empty where it is muted whole, else frames of keys."""

_PADDING = 2
"""Timeline frames."""

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
    for path, seed in dub.files:
        take = _enter(scene, dub, path, seed)
        place(scene, take, [one.strip for one in pieces])
    return scene


def _enter(scene: Any, dub: Dub, path: str, seed: int) -> Any:
    take = scene.imagintalk.takes.add()
    request = dub.request
    take.name, take.source, take.source_label = _take_id(dub, seed), dub.source, dub.label
    take.label, take.path = bpy.path.display_name_from_filepath(path), paths.remember(path)
    take.request, take.seed, take.model = request_to_json(request), seed, dub.model
    take.emotion, take.intensity, take.voice = request.emotion, request.intensity, request.voice
    take.warnings = "\n".join(dub.warnings)
    take.offset, take.frames, take.rendered = dub.offset, dub.frames, dub.rendered
    return take


def place(scene: Any, take: Any, pieces: list[Any]) -> list[Any]:
    """Put a take under the pieces of its source and mute what it replaces; its strips. Its note says why not."""
    take.note = "" if pieces else DELETED
    placed = []
    for piece in pieces:
        container = compat.container_of(piece, scene)
        at = beginning(piece) + take.offset
        first = round(at)
        low, high = max(first, compat.left(piece)), min(first + take.frames, compat.right(piece))
        if high <= low:
            continue  # this piece shows nothing of what was dubbed
        try:
            strip = _place_one(scene, container, take, piece, (at, low, high))
        except (Unplaced, RuntimeError) as error:
            take.note = str(error).removeprefix("Error: ").strip()
            continue
        placed.append(strip)
        if scene.imagintalk.settings.replace_sound:
            silence(scene, container, piece, low, high)
    if pieces and not placed and not take.note:
        take.note = "its strip no longer shows what was dubbed"
    for strip in placed:
        mute_others(scene, strip)
    if placed:
        scene.imagintalk.active_take = scene.imagintalk.takes.find(take.name)
    return placed


def _place_one(scene: Any, container: Any, take: Any, piece: Any, frames: tuple[float, int, int]) -> Any:
    """frames: where the take begins, where it is first shown, and where it ends. Raises Unplaced, RuntimeError."""
    at, low, high = frames
    settings = scene.imagintalk.settings
    channel = strips.free_channel(container, piece, low, high, settings.channel_rule, settings.channel)
    if channel is None:
        raise Unplaced("no channel is free there")
    path = paths.file_of(take)
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
            and compat.left(other) < compat.right(strip)
            and compat.right(other) > compat.left(strip)
        ):
            other.mute = True


def silence(scene: Any, container: Any, piece: Any, low: int, high: int) -> None:
    """Have the clip's own sound give way from frame `low` to `high`: muted, or by its volume where it goes on."""
    fade = max(1, round(scene.imagintalk.settings.crossfade * compat.rate(scene)))
    for sound in strips.own_sounds(container, piece):
        if sound.mute or _MUTED in sound:
            continue
        first, end = compat.left(sound), compat.right(sound)
        # A coder's padding makes a sound some frames longer than its picture.
        first, end = (low if low - _PADDING <= first else first), (high if end <= high + _PADDING else end)
        if first >= low and end <= high:
            sound.mute = True
            sound[_MUTED] = ""
            continue
        keys = []
        if first < low:
            keys += [(low - fade, 1.0), (low, 0.0)]
        if end > high:
            keys += [(high, 0.0), (high + fade, 1.0)]
        if first >= low:
            keys.insert(0, (low, 0.0))
        for frame, share in keys:
            sound.volume = share
            sound.keyframe_insert("volume", frame=frame)
        sound[_MUTED] = " ".join(str(frame) for frame, _ in keys)


def restore_sound(container: Any, piece: Any) -> None:
    """Undo what `silence` did."""
    for sound in strips.own_sounds(container, piece):
        if _MUTED not in sound:
            continue
        frames = [int(frame) for frame in str(sound[_MUTED]).split()]
        for frame in frames:
            sound.keyframe_delete("volume", frame=frame)
        if frames:
            sound.volume = 1.0
        else:
            sound.mute = False
        del sound[_MUTED]
