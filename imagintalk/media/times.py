"""Which instants of a file a clip shows, and for how long: a range, or a range that was retimed."""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise

from imagintalk.errors import ClipError
from imagintalk.rates import VIDEO_FPS
from imagintalk.types import Clip, MediaInfo

Points = tuple[tuple[Fraction, Fraction], ...]
"""Seconds from the clip's start, which increase from 0, and seconds in the file; linear between two points."""


def seconds(value: float) -> Fraction:
    """A number of seconds that a person wrote, as the fraction they meant."""
    return Fraction(value).limit_denominator(1_000_000)


def frame_count(duration: Fraction) -> int:
    """Frames at 25 fps of a clip of `duration` seconds: round(d * 25), half to even."""
    return round(duration * VIDEO_FPS)


def clip_duration(clip: Clip, info: MediaInfo) -> Fraction:
    """Seconds that the clip lasts. Raises ClipError as `clip_points` does."""
    return clip_points(clip, info)[-1][0]


def instants(points: Points) -> list[Fraction]:
    """Seconds in the file of each frame at 25 fps: frame k is what the clip shows k/25 s after its start."""
    starts = [time for time, _ in points]
    found = []
    for number in range(frame_count(points[-1][0])):
        time = Fraction(number, VIDEO_FPS)
        right = min(bisect_right(starts, time), len(points) - 1)
        (t0, s0), (t1, s1) = points[right - 1], points[right]
        found.append(s0 + (s1 - s0) * (time - t0) / (t1 - t0))
    return found


def clip_points(clip: Clip, info: MediaInfo) -> Points:
    """The clip's `times` or its range, which is a map of two points. Raises ClipError, naming the clip's length.

    The end of a range up to one frame (1/25 s) behind the last frame is taken as the end, since lengths are often shown
    rounded. `times` may leave the picture for a while, whose first or last frame is held there.
    """
    points = _points_of_times(clip, info) if clip.times else _points_of_range(clip, info)
    if frame_count(points[-1][0]) == 0:
        begin, end = points[0][1], points[-1][1]
        raise ClipError(
            f"{clip.path}: the range {float(begin):g} to {float(end):g} s is shown for less than one frame of"
            f" 1/{VIDEO_FPS} s; {_length(info)}"
        )
    return points


def _points_of_range(clip: Clip, info: MediaInfo) -> Points:
    if not math.isfinite(clip.start_s) or (clip.end_s is not None and not math.isfinite(clip.end_s)):
        raise ClipError(f"{clip.path}: start and end must be numbers of seconds; {_length(info)}")
    start = seconds(clip.start_s)
    end = info.duration_s if clip.end_s is None else seconds(clip.end_s)
    if start < 0 or start >= info.duration_s:
        raise ClipError(f"{clip.path}: start {clip.start_s:g} s lies outside of the clip; {_length(info)}")
    if end > info.duration_s + Fraction(1, VIDEO_FPS):
        raise ClipError(f"{clip.path}: end {clip.end_s:g} s lies outside of the clip; {_length(info)}")
    end = min(end, info.duration_s)
    if end <= start:
        raise ClipError(f"{clip.path}: end {float(end):g} s is not after start {clip.start_s:g} s; {_length(info)}")
    return (Fraction(0), start), (end - start, end)


def _points_of_times(clip: Clip, info: MediaInfo) -> Points:
    if clip.start_s != 0 or clip.end_s is not None:
        raise ClipError(f"{clip.path}: expected a range or times, got both; times alone say what is shown")
    if not all(math.isfinite(value) for pair in clip.times for value in pair):
        raise ClipError(f"{clip.path}: times must be pairs of numbers of seconds; {_length(info)}")
    points = tuple((seconds(time), seconds(source)) for time, source in clip.times)
    if len(points) < 2 or points[0][0] != 0:
        raise ClipError(
            f"{clip.path}: times must be two pairs or more, the first at 0 s; got {len(points)} pairs, the first at"
            f" {clip.times[0][0]:g} s"
        )
    for (earlier, _), (later, _) in pairwise(points):
        if later <= earlier:
            raise ClipError(
                f"{clip.path}: times must increase from pair to pair; got {float(later):g} s after {float(earlier):g} s"
            )
    sources = [source for _, source in points]
    if max(sources) < 0 or min(sources) >= info.duration_s:
        raise ClipError(
            f"{clip.path}: times show {float(min(sources)):g} to {float(max(sources)):g} s of the file, which all lies"
            f" outside of it; {_length(info)}"
        )
    return points


def _length(info: MediaInfo) -> str:
    return f"the clip is {float(info.duration_s):.3f} s long"
