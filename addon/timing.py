"""Which moment of its file a movie strip shows when, however it was trimmed, slowed down, retimed or reversed.

Measured in Blender 4.3, 4.4, 4.5, 5.0 and 5.2: each frame of the timeline shows that frame of the file which lies
nearest to where the strip has come, counted in frames from the start of its content. (From 5.0 on the sequencer's cache
of raw pictures may show the one before or after it instead; the sound then fits the picture that should be there.)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from . import compat
from .sdna import SdnaError
from .stored_strip import RetimingKey, StoredStrip, read_strip

_RATES = 1001
"""Largest denominator of a video's rate: 23.976 is 24000/1001, of which Blender keeps seven digits."""

_NEAR = 1e-6
"""Frames of the timeline."""

_PARTS = 4
"""Straight lines that stand for one frame of an arc."""

Curve = list[tuple[float, float]]
"""Frames of the timeline from the start of the strip's content, which increase, and frames of the file; linear
between, and held before and after."""


class TimingError(ValueError):
    """What a strip shows when cannot be told; one line."""


@dataclass(frozen=True)
class TimeMap:
    """What a strip shows of its file."""

    points: tuple[tuple[float, float], ...]
    """Seconds on the timeline from the strip's first shown frame, which increase from 0, and seconds in its file, which
    may lie a little outside of it; linear between."""
    duration_s: float
    """On the timeline."""


def time_map(strip: Any, scene: Any, source_fps: float | None) -> TimeMap:
    """Of a movie strip; source_fps: its file's rate. Raises TimingError.

    A file whose frames are shown one for each of the scene's, though their rates differ, is played at another speed,
    and the map says so: speech must fit what is seen.
    """
    rate = compat.rate(scene)
    if not source_fps or source_fps <= 0:
        raise TimingError("the frame rate of its file is not known; relink the file, then try again")
    first = compat.left(strip) - compat.content_start(strip)
    count = compat.duration(strip)
    if count < 1:
        raise TimingError("shows no frame; make it longer")
    try:
        curve = _curve(strip, rate, read_strip(strip))
    except SdnaError as error:
        raise TimingError(f"its speed cannot be read ({error}); put it into a meta strip and dub that") from None
    of_file = float(Fraction(source_fps).limit_denominator(_RATES))
    trimmed = compat.content_trim_start(strip)
    points = [((frame - first) / rate, (trimmed + shown) / of_file) for frame, shown in _cut(curve, first, count)]
    return TimeMap(tuple(points), count / rate)


def beginning(strip: Any) -> float:
    """Frame of the timeline on which the first picture of the strip's file would lie, were nothing cut off.

    Moves with the strip, and stays when the strip is trimmed or split, also where Blender splits its content.
    """
    cut = compat.content_trim_start(strip)
    if not cut:
        return compat.content_start(strip)
    try:
        own_rate = read_strip(strip).own_rate
    except SdnaError:
        own_rate = None
    return compat.content_start(strip) - cut * (compat.rate(strip.id_data) / own_rate if own_rate else 1.0)


def keeps_speed(strip: Any) -> bool:
    """Whether a strip is played at its file's rate, so that it lasts as many seconds whatever the scene's rate is."""
    try:
        return strip.type == compat.MOVIE and read_strip(strip).own_rate is not None
    except SdnaError:
        return False


def _curve(strip: Any, rate: float, stored: StoredStrip) -> Curve:
    speed = stored.own_rate / rate if stored.own_rate else 1.0
    if stored.keys:
        whole = compat.retimed_frames(stored.length)
        curve = [(frame / speed, share * whole) for frame, share in _bent(stored.keys)]
    else:
        curve = [(0.0, 0.0), (stored.length / speed, float(stored.length))]
    if strip.use_reverse_frames:
        last = compat.content_duration(strip) - 1
        curve = [(last - frame, shown) for frame, shown in reversed(curve)]
    return _held(curve, stored.length - 1.0)


def _held(curve: Curve, last: float) -> Curve:
    """The same, but that where no picture follows the last one, that one stays."""
    held = [(curve[0][0], min(curve[0][1], last))]
    for (early, first), (late, second) in pairwise(curve):
        if (first - last) * (second - last) < 0:
            held.append((early + (late - early) * (last - first) / (second - first), last))
        held.append((late, min(second, last)))
    return held


def _bent(keys: tuple[RetimingKey, ...]) -> Curve:
    """Keys as a curve; a smooth change of speed, which is an arc between its keys, here of short lines."""
    curve = [(keys[0].frame, keys[0].share)]
    for number, (key, following) in enumerate(pairwise(keys)):
        if key.transition and 0 < number < len(keys) - 2:
            before, after = _slope(keys[number - 1], key), _slope(following, keys[number + 2])
            length = following.frame - key.frame
            for number_of_part in range(1, math.ceil(length * _PARTS)):
                frame = number_of_part / _PARTS
                share = key.share + before * frame + (after - before) * frame**2 / (2 * length)
                curve.append((key.frame + frame, share))
        if following.frame > curve[-1][0]:
            length = following.frame - key.frame
            if not key.transition and int(length) not in (0, length) and compat.ROUNDS_RETIMING:
                reached = key.share + (following.share - key.share) * length / int(length)
                curve.append((following.frame - 0.01, reached))
            curve.append((following.frame, following.share))
    return curve


def _slope(key: RetimingKey, following: RetimingKey) -> float:
    length = following.frame - key.frame
    return (following.share - key.share) / length if length else 0.0


def _cut(curve: Curve, first: float, count: int) -> Curve:
    """The curve from frame `first` on, for `count` frames; points closer than a sound can tell are one."""
    end = first + count
    points = [(first, _at(curve, first))]
    for frame, shown in curve:
        if points[-1][0] + _NEAR < frame < end - _NEAR:
            points.append((frame, shown))
    return [*points, (end, _at(curve, end))]


def _at(curve: Curve, frame: float) -> float:
    if frame <= curve[0][0]:
        return curve[0][1]
    if frame >= curve[-1][0]:
        return curve[-1][1]
    right = bisect_right([known for known, _ in curve], frame)
    (start, shown), (end, later) = curve[right - 1], curve[right]
    return shown + (later - shown) * (frame - start) / (end - start)
