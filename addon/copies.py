"""Copies of dubbed strips. Blender copies ids with strips; here each becomes a strip of its own, with its own takes."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from . import compat, strips
from .timing import beginning

_SLACK = 2.0
"""Timeline frames that pieces of one split may both show, where their cuts fell between frames of the file."""

Groups = dict[str, list[Any]]


def part(scene: Any) -> None:
    """Give every copy in a scene an id of its own, and takes of its own if it was copied with them.

    Of strips with one id that show the same, that one is the original under which the takes lie; where none or all have
    takes, that with the older name. Pieces of a split show different parts, and stay one strip to us. Copies in another
    scene share nothing with it. Drawing code and whatever reads ids expects this to have been called.
    """
    holders, sounds = _by_id(scene)
    for source, found in holders.items():
        if len(found) > 1 and _overlap(found):
            _part(scene, found, sounds[source])


def is_one(strip: Any) -> bool:
    """Whether another strip of its scene has its id and shows the same."""
    found = [other.strip for other in strips.with_id(str(strip.get(strips.ID, ""))) if other.scene == strip.id_data]
    return len(found) > 1 and any(_same(_shown(strip), _shown(other)) for other in found if other != strip)


def _by_id(scene: Any) -> tuple[Groups, Groups]:
    """Strips that were dubbed and sounds that are takes, by the id of the source."""
    holders, sounds = defaultdict(list), defaultdict(list)
    for strip in compat.all_strips(scene):
        if strips.TAKE in strip:
            sounds[strip[strips.SOURCE]].append(strip)
        elif strips.ID in strip:
            holders[strip[strips.ID]].append(strip)
    return holders, sounds


def _shown(strip: Any) -> tuple[float, float]:
    """What it shows of its content: first frame, and the one after the last."""
    first = compat.left(strip) - beginning(strip)
    return first, first + compat.duration(strip)


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    shortest = min(one[1] - one[0], other[1] - other[0])
    return min(one[1], other[1]) - max(one[0], other[0]) > min(_SLACK, shortest / 2)


def _overlap(found: list[Any]) -> bool:
    return any(_same(one, other) for one, other in pairwise(sorted(map(_shown, found))))


def _part(scene: Any, found: list[Any], sounds: list[Any]) -> None:
    by_name = sorted(found, key=lambda strip: (len(strip.name), strip.name))  # copies are `film.001`, `film.002`
    owned = _owned(scene, by_name, sounds)
    rest = sorted(range(len(by_name)), key=lambda number: (-len(owned[number]), number))
    source = ""  # the first keep theirs
    while rest:
        kept: list[int] = []
        for number in rest:
            if not any(_same(_shown(by_name[number]), _shown(by_name[other])) for other in kept):
                kept.append(number)
        if source:
            for number in kept:
                by_name[number][strips.ID] = source
            _give_takes(scene, source, [sound for number in kept for sound in owned[number]])
        rest = [number for number in rest if number not in kept]
        source = strips.new_id()


def _owned(scene: Any, found: list[Any], sounds: list[Any]) -> dict[int, list[Any]]:
    """Each take's sound under the strip that it is in step with, else the nearest; by number of the strip."""
    owned: dict[int, list[Any]] = {number: [] for number in range(len(found))}
    for sound in sounds:
        take = scene.imagintalk.takes.get(sound[strips.TAKE])
        offset = take.offset if take is not None else 0.0

        def distance(number: int, sound: Any = sound, offset: float = offset) -> tuple[int, int, int]:
            strip = found[number]
            late = abs(compat.content_start(sound) - beginning(strip) - offset)
            return round(late), abs(sound.channel - strip.channel), number

        over = [number for number, strip in enumerate(found) if strips.overlap(sound, strip)]
        if over:
            owned[min(over, key=distance)].append(sound)
    return owned


def _give_takes(scene: Any, source: str, sounds: list[Any]) -> None:
    """Make takes of a copy's sounds: entries in the list like those that they were copied from."""
    made: dict[str, str] = {}
    for sound in sounds:
        take = sound[strips.TAKE]
        if take not in made:
            made[take] = _copy_take(scene, take, source)
        sound[strips.TAKE], sound[strips.SOURCE] = made[take], source


def _copy_take(scene: Any, name: str, source: str) -> str:
    """Name of the new entry."""
    takes = scene.imagintalk.takes
    old = takes.get(name)
    if old is None:
        return name
    values = {key: getattr(old, key) for key in {*old.bl_rna.properties.keys()} - {"rna_type", "name"}}
    new = takes.add()  # after which `old` may lie elsewhere
    for key, value in (values | {"source": source}).items():
        setattr(new, key, value)
    new.name = f"{name}-{source}"
    return str(new.name)
