"""The takes of a scene: finding, hearing, keeping, deleting."""

from __future__ import annotations

from typing import Any

from . import compat, placing, silence, strips


def of_source(scene: Any, source: str) -> list[Any]:
    """The takes of a strip, oldest first."""
    return [take for take in scene.imagintalk.takes if take.source == source]


def listed(scene: Any) -> list[Any]:
    """What the list shows: takes of the active strip, and those that are not on the timeline; all without a strip."""
    strip = compat.active_strip(scene)
    source = strips.source_of(strip)
    return [take for take in scene.imagintalk.takes if strip is None or take.note or (source and take.source == source)]


def chosen(scene: Any) -> Any | None:
    """The take that is marked in the list."""
    state = scene.imagintalk
    if not 0 <= state.active_take < len(state.takes):
        return None
    take = state.takes[state.active_take]
    return take if any(one.name == take.name for one in listed(scene)) else None


def active(scene: Any) -> Any | None:
    """The take that is meant: that of the active strip, else the one marked in the list, else the one that is heard."""
    strip = compat.active_strip(scene)
    if strip is not None and strips.TAKE in strip:
        return scene.imagintalk.takes.get(strip[strips.TAKE])
    return chosen(scene) or heard(scene, strips.source_of(strip))


def heard(scene: Any, source: str) -> Any | None:
    """The take of a strip that is not muted."""
    for strip in strips.takes_in(scene):
        if strip[strips.SOURCE] == source and not strip.mute:
            return scene.imagintalk.takes.get(strip[strips.TAKE])
    return None


def is_heard(scene: Any, take: Any) -> bool:
    return any(not strip.mute for strip in strips.take_strips(scene, take.name))


def audition(scene: Any, take: Any) -> str:
    """Let this take be heard and the others of its strip not; the A/B key goes back to what was heard before.

    Words that say why it is not heard; empty: it is.
    """
    placed = strips.take_strips(scene, take.name)
    if not placed:
        return f"the take is not on the timeline: {take.note or 'its strip was removed'}; Place puts it there"
    before = heard(scene, take.source)
    if before is not None and before.name != take.name:
        scene.imagintalk.other_take = before.name
    for strip in placed:
        placing.mute_others(scene, strip)
    scene.imagintalk.active_take = scene.imagintalk.takes.find(take.name)
    return ""


def other(scene: Any, source: str) -> Any | None:
    """What the A/B key goes to: the take heard before, or the one before this in the list."""
    now = heard(scene, source)
    before = scene.imagintalk.takes.get(scene.imagintalk.other_take)
    if before is not None and before.source == source and (now is None or before.name != now.name):
        return before
    rest = [take for take in of_source(scene, source) if now is None or take.name != now.name]
    return rest[-1] if rest else None


def keep(scene: Any, take: Any) -> str:
    """Mark it as the one to use, and let it be heard; words that say why it is not."""
    for one in of_source(scene, take.source):
        one.kept = one.name == take.name
    return audition(scene, take)


def delete(scene: Any, take: Any) -> None:
    """Take it off the list and the timeline. Its file stays, so that this can be undone."""
    source = take.source
    for strip in strips.take_strips(scene, take.name):
        placing.remove(scene, strip)
    for found in strips.with_id(source):  # whose take may have been moved away
        if found.scene == scene:
            silence.settle(scene, compat.container_of(found.strip, scene), compat.span(found.strip))
    scene.imagintalk.takes.remove(scene.imagintalk.takes.find(take.name))
    rest = of_source(scene, source)
    if rest:
        audition(scene, next((one for one in rest if one.kept), rest[-1]))
