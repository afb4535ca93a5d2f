"""Strips on the timeline: knowing them again, and finding room beside them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy

from . import compat

ID = "imagintalk_id"
"""Custom property of a strip that was dubbed. Survives renaming, moving and append; a split or a copy doubles it."""
TAKE = "imagintalk_take"
"""Custom property of a take's sound strip: id of the take."""
SOURCE = "imagintalk_source"
"""And id of the strip that it was made for."""
FACE = "imagintalk_face"
"""Custom property of a strip: which face speaks, -1 for the one whose mouth moves."""

DUBBED_TYPES = (compat.MOVIE, compat.IMAGE, compat.SCENE, compat.META)
MOST_CHANNELS = 128


@dataclass(frozen=True)
class Found:
    """A strip and the scene that holds it."""

    scene: Any
    strip: Any


def can_be_dubbed(strip: Any | None) -> bool:
    return strip is not None and strip.type in DUBBED_TYPES


def identify(strip: Any) -> str:
    """The strip's id, given to it where it has none. That a copy's is its own is the business of `copies`."""
    found = str(strip.get(ID, ""))
    if not found:
        found = strip[ID] = new_id()
    return found


def new_id() -> str:
    return secrets.token_hex(6)


def with_id(source: str) -> list[Found]:
    """The strips of that id, by place: after a split there are several."""
    found = [
        Found(scene, strip)
        for scene in bpy.data.scenes
        for strip in compat.all_strips(scene)
        if strip.get(ID) == source
    ]
    return sorted(found, key=lambda one: (one.scene.name, compat.left(one.strip)))


def piece(source: str, scene: str, name: str) -> Found | None:
    """The strip of that id in a scene which has this name; where it was renamed, the first of the id."""
    found = [one for one in with_id(source) if one.scene.name == scene]
    return next((one for one in found if one.strip.name == name), found[0] if found else None)


def source_of(strip: Any | None) -> str:
    """Id of the strip that is meant where this one is active: itself, or that which it is a take of. Empty: none."""
    if strip is None:
        return ""
    return str(strip.get(SOURCE, "") or strip.get(ID, ""))


def takes_in(scene: Any) -> Iterator[Any]:
    """The sound strips that are takes."""
    return (strip for strip in compat.all_strips(scene) if TAKE in strip)


def take_strips(scene: Any, take: str) -> list[Any]:
    """Those of one take: one for each piece of its source."""
    return [strip for strip in takes_in(scene) if strip[TAKE] == take]


def overlap(one: Any, other: Any) -> bool:
    """Whether two strips lie in one container and have a frame of the timeline in common."""
    return bool(
        compat.left(one) < compat.right(other)
        and compat.right(one) > compat.left(other)
        and one.parent_meta() == other.parent_meta()
    )


def free_channel(
    container: Any, strip: Any, first: int, end: int, rule: str, lowest: int, leaving: Iterable[Any] = ()
) -> int | None:
    """A channel without strips from frame `first` to before `end`, neither muted nor locked; None: there is none.

    rule: BELOW, ABOVE or FIXED, as in the settings; lowest: where FIXED begins; leaving: strips that do not count.
    """
    closed = {
        other.channel
        for other in compat.strips(container)
        if compat.left(other) < end and compat.right(other) > first and other not in leaving
    }
    closed |= {number for number, channel in enumerate(container.channels) if channel.mute or channel.lock}
    below, above = range(strip.channel - 1, 0, -1), range(strip.channel + 1, MOST_CHANNELS + 1)
    order: list[int]
    if rule == "FIXED":
        order = [*range(lowest, MOST_CHANNELS + 1), *range(lowest - 1, 0, -1)]
    else:
        order = [*above, *below] if rule == "ABOVE" else [*below, *above]
    return next((channel for channel in order if channel not in closed), None)


def speed_effect(container: Any, strip: Any) -> Any | None:
    """The speed effect that plays a strip, by itself or through other effects; None: none does."""
    reached = [strip]
    for one in reached:  # which grows
        for other in compat.strips(container):
            if other not in reached and not other.mute and one in compat.inputs(other):
                if other.type == compat.SPEED:
                    return other
                reached.append(other)
    return None


def is_own_sound(sound: Any, strip: Any) -> bool:
    """Whether a sound strip came into the timeline with a movie strip: of its file, and in step with it."""
    return (
        sound.type == compat.SOUND
        and strip.type == compat.MOVIE
        and TAKE not in sound
        and sound.sound is not None
        and abs(compat.content_start(sound) - compat.content_start(strip)) <= 1
        and overlap(sound, strip)
        and compat.absolute(sound.sound.filepath) == compat.absolute(strip.filepath)
    )


def own_sounds(container: Any, strip: Any) -> list[Any]:
    """The sound strips that came into the timeline with a movie strip."""
    if strip.type != compat.MOVIE:
        return []
    return [other for other in compat.strips(container) if is_own_sound(other, strip)]


def remove_sound(container: Any, strip: Any) -> None:
    """Remove a sound strip, and its sound where nobody else uses it."""
    sound = strip.sound
    compat.strips(container).remove(strip)
    if sound is not None and not sound.users:
        bpy.data.sounds.remove(sound)
