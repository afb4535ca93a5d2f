"""A clip's own sound gives way where takes lie, and comes back as its user had it where they lie no longer.

A sound under one take from end to end is muted. Of a longer one the volume is animated. What its user had made of the
volume is kept beside, as a custom property of the sound strip with that value and that F-curve: Blender moves, splits,
copies and renames it with the strip as it does with the volume's own.
"""

from __future__ import annotations

from typing import Any

from . import compat, strips

MUTED = "imagintalk_muted"
"""Custom property of a sound strip that is muted because a take is heard instead."""
VOLUME = "imagintalk_volume"
"""Custom property of a sound strip whose volume gives way: the volume, or what it was animated to, without that."""

_PADDING = 2
"""Timeline frames by which a coder's padding makes a sound longer than its picture."""
_EQUAL = 1e-5

Span = tuple[int, int]
"""First frame of the timeline, and the one after the last."""
Key = tuple[float, float]
"""Frame and volume."""


def settle(scene: Any, container: Any, span: Span, piece: Any | None = None) -> None:
    """Let the sounds of a span that give way do so where takes are now; with `piece`, also that clip's own sounds."""
    wanted = strips.own_sounds(container, piece) if piece is not None else []
    for sound in _within(container, span):
        if sound.type == compat.SOUND and (MUTED in sound or VOLUME in sound or sound in wanted):
            _give_way(scene, sound, _spans(container, sound))


def release(scene: Any) -> None:
    """Give their volume back to sounds over which no take is left: its strip was deleted, but not by Delete Take."""
    sounds = [strip for strip in compat.all_strips(scene) if MUTED in strip or VOLUME in strip]
    takes = [compat.span(strip) for strip in strips.takes_in(scene)] if sounds else []
    for sound in sounds:
        first, end = compat.span(sound)
        if not any(low < end and high > first for low, high in takes):
            _give_way(scene, sound, [])


def _within(container: Any, span: Span) -> list[Any]:
    first, end = span
    return [strip for strip in compat.strips(container) if compat.left(strip) < end and compat.right(strip) > first]


def _spans(container: Any, sound: Any) -> list[Span]:
    """Where takes of the clip that a sound belongs to lie over it."""
    over = _within(container, compat.span(sound))
    pieces = [strip for strip in over if strips.ID in strip and strips.is_own_sound(sound, strip)]
    found: list[Span] = []
    for take in sorted((one for one in over if strips.TAKE in one), key=compat.left):
        if any(piece[strips.ID] == take[strips.SOURCE] and strips.overlap(take, piece) for piece in pieces):
            first, end = compat.span(take)
            if found and first <= found[-1][1]:
                first, end = found[-1][0], max(found.pop()[1], end)
            found.append((first, end))
    return found


def _give_way(scene: Any, sound: Any, spans: list[Span]) -> None:
    first, end = compat.span(sound)
    if any(low <= first + _PADDING and high >= end - _PADDING for low, high in spans):
        _restore_volume(scene, sound)
        if not sound.mute:
            sound.mute = sound[MUTED] = True
        return
    if MUTED in sound:
        sound.mute = False
        del sound[MUTED]
    if not spans:
        _restore_volume(scene, sound)
    elif VOLUME in sound or not sound.mute:
        _keep_volume(scene, sound)
        _write_volume(scene, sound, spans)


def _path(sound: Any, kept: bool) -> str:
    """Of the F-curve: the volume's, or that which is kept beside."""
    return f'{sound.path_from_id()}["{VOLUME}"]' if kept else str(sound.path_from_id("volume"))


def _curve(scene: Any, sound: Any, kept: bool = False) -> Any | None:
    found = compat.curves(scene)
    return None if found is None else found.find(_path(sound, kept))


def _keep_volume(scene: Any, sound: Any) -> None:
    """Put the user's volume aside; if it is aside already, what the user has changed since."""
    curve = _curve(scene, sound)
    if VOLUME not in sound:
        sound[VOLUME] = float(sound.volume)
        if curve is not None:
            curve.data_path = _path(sound, kept=True)
    elif curve is not None and any(key.type != compat.OUR_KEYS for key in curve.keyframe_points):
        _take_over(scene, sound, curve)


def _take_over(scene: Any, sound: Any, curve: Any) -> None:
    """Add the keys that a user has put among ours to what is kept aside; where nothing was animated, ours around them.

    Whatever key is not of our type is the user's.
    """
    kept, keys = _curve(scene, sound, kept=True), list(curve.keyframe_points)
    new = [key for key in keys if key.type != compat.OUR_KEYS]
    if kept is None:
        steady = float(sound[VOLUME])
        new += [key for key in keys if key.type == compat.OUR_KEYS and abs(key.co[1] - steady) < _EQUAL]
        sound.keyframe_insert(f'["{VOLUME}"]', frame=new[0].co[0])
        kept = _curve(scene, sound, kept=True)
        if kept is None:
            return  # no strip can be animated here, so that neither was this
        kept.keyframe_points.clear()
    for key in new:
        kept.keyframe_points.insert(*key.co).interpolation = key.interpolation
    kept.update()


def _write_volume(scene: Any, sound: Any, spans: list[Span]) -> None:
    keys = _keys(sound, _curve(scene, sound, kept=True), spans, _fade(scene))
    sound.keyframe_insert("volume", frame=keys[0][0])
    curve = _curve(scene, sound)
    if curve is None:
        return
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(keys))
    for point, key in zip(curve.keyframe_points, keys, strict=True):
        point.co, point.interpolation, point.type = key, "LINEAR", compat.OUR_KEYS
    curve.update()


def _fade(scene: Any) -> int:
    return max(1, round(scene.imagintalk.settings.crossfade * compat.rate(scene)))


def _keys(sound: Any, kept: Any | None, spans: list[Span], fade: int) -> list[Key]:
    """Linear keys of the user's volume with silence in it."""
    frames = {frame for low, high in spans for frame in (low - fade, low, high, high + fade)}
    if kept is not None:  # sampled, because Blender too asks for the volume once a frame
        ends = [compat.left(sound), compat.right(sound), *(round(key.co[0]) for key in kept.keyframe_points)]
        frames.update(range(min(ends) - 1, max(ends) + 2))
    steady = float(sound[VOLUME])
    return _corners(
        [
            (frame, (steady if kept is None else kept.evaluate(frame)) * _share(frame, spans, fade))
            for frame in sorted(frames)
        ]
    )


def _share(frame: int, spans: list[Span], fade: int) -> float:
    """0..1 of its volume that a sound keeps."""
    return min(min(max(low - frame, frame - high, 0) / fade, 1.0) for low, high in spans)


def _corners(keys: list[Key]) -> list[Key]:
    """Without the keys that lie on the line between those beside them."""
    found = keys[:1]
    for key, following in zip(keys[1:], keys[2:], strict=False):
        (frame, volume), (start, before), (end, after) = key, found[-1], following
        if abs(before + (after - before) * (frame - start) / (end - start) - volume) > _EQUAL:
            found.append(key)
    return [*found, keys[-1]]


def _restore_volume(scene: Any, sound: Any) -> None:
    if VOLUME not in sound:
        return
    _keep_volume(scene, sound)
    found, curve = compat.curves(scene), _curve(scene, sound)
    if found is not None and curve is not None:
        found.remove(curve)
    kept = _curve(scene, sound, kept=True)
    if kept is not None:
        kept.data_path = _path(sound, kept=False)
    sound.volume = sound[VOLUME]
    del sound[VOLUME]
