"""The picture of a clip as upright RGB frames at 25 fps, whatever the file's own frame rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from imagintalk.errors import ClipError
from imagintalk.media.container import frame_period, open_media, picture_stream, readable_packets
from imagintalk.media.probe import frame_stamp
from imagintalk.media.times import clip_points, instants
from imagintalk.rates import VIDEO_FPS
from imagintalk.types import Clip, MediaInfo

_EARLIEST = Fraction(1, 2 * VIDEO_FPS)
"""A frame is never shown more than this before its time stamp, or a still of seconds would end seconds early."""

_HELD_BYTES = 256 << 20
"""Of pictures that are decoded forwards to be shown backwards; each such piece is entered at the key frame before."""

_CLOCK_RESET_S = 1
"""Time stamps that fall back by more than this belong to a clock that was set anew (joined streams)."""


def read_frames(clip: Clip, info: MediaInfo) -> Iterator[NDArray[np.uint8]]:
    """Yield exactly `frame_count(clip_duration(clip, info))` frames, (H, W, 3) uint8 RGB, upright, square pixels.

    Frame k is the one shown nearest to what the clip shows k/25 s after its start, by time stamps, so any frame rate
    works and a variable one too; where the picture ends early its last frame is held. One frame is in memory at a
    time; where the clip runs backwards, up to `_HELD_BYTES` of them. Raises ClipError.
    """
    held = max(_HELD_BYTES // (info.width * info.height * 3), 1)
    for run in _runs(instants(clip_points(clip, info)), held):
        if run[0] <= run[-1]:
            yield from _pictures_at(clip, info, run)
        else:
            yield from reversed([*_pictures_at(clip, info, run[::-1])])


def _runs(times: list[Fraction], longest_back: int) -> Iterator[list[Fraction]]:
    """`times` cut into runs that never fall, and runs that fall throughout, none longer than `longest_back`."""
    run = times[:1]
    falls = False
    for time in times[1:]:
        if len(run) == 1:
            falls = time < run[0]
        if (time < run[-1]) != falls or (falls and len(run) == longest_back):
            yield run
            run = []
        run.append(time)
    yield run


def _pictures_at(clip: Clip, info: MediaInfo, times: Sequence[Fraction]) -> Iterator[NDArray[np.uint8]]:
    """The frame shown nearest to each of `times`, seconds in the file, which never fall."""
    done = 0
    shown: tuple[Fraction, VideoFrame] | None = None
    for time, frame in _frames_from(clip, times[0]):
        if shown is not None:
            image: NDArray[np.uint8] | None = None
            while done < len(times) and not _is_nearer(time, shown[0], times[done]):
                image = _upright(shown[1], info) if image is None else image
                yield image
                done += 1
        if done == len(times):
            return
        shown = (time, frame)
    if shown is None:
        raise ClipError(f"{clip.path}: no frame can be decoded at {float(times[0]):g} s; the file may be damaged there")
    held = _upright(shown[1], info)
    for _ in range(done, len(times)):
        yield held


def _is_nearer(later: Fraction, earlier: Fraction, instant: Fraction) -> bool:
    ahead = later - instant
    return ahead <= 0 or (ahead <= _EARLIEST and ahead < instant - earlier)


def _upright(frame: VideoFrame, info: MediaInfo) -> NDArray[np.uint8]:
    turned = info.rotation in (90, 270)
    width, height = (info.height, info.width) if turned else (info.width, info.height)
    image = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
    return np.ascontiguousarray(np.rot90(image, k=-info.rotation // 90)) if info.rotation else image


def _frames_from(clip: Clip, start: Fraction) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Frames with their times in seconds after the file's first frame, from the key frame before `start` on."""
    with open_media(clip.path) as container:
        stream = picture_stream(container, clip.path)
        timed = _timed_frames(container, stream)
        first = next(timed, None)
        if first is None:
            return
        origin = first[0]
        if start > 0:
            sought = _seek(container, stream, origin + start)
            if sought is not None:
                for time, frame in sought:
                    yield time - origin, frame
                return
    with open_media(clip.path) as container:
        for time, frame in _timed_frames(container, picture_stream(container, clip.path)):
            yield time - origin, frame


def _seek(
    container: InputContainer, stream: VideoStream, target: Fraction
) -> Iterator[tuple[Fraction, VideoFrame]] | None:
    """Frames from the key frame before `target`, or None where the file cannot be entered in its middle."""
    if stream.time_base is None:
        return None
    try:
        container.seek(int(target / Fraction(stream.time_base)), stream=stream)
    except FFmpegError:
        return None
    timed = _timed_frames(container, stream)
    first = next(timed, None)
    if first is None or frame_stamp(first[1]) is None or first[0] > target:
        return None

    def resumed() -> Iterator[tuple[Fraction, VideoFrame]]:
        yield first
        yield from timed

    return resumed()


def _timed_frames(container: InputContainer, stream: VideoStream) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Decoded frames with times that never fall; missing time stamps are made up from the average frame rate."""
    period = frame_period(stream)
    shift = Fraction(0)
    last: Fraction | None = None
    for packet in readable_packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:  # a damaged packet: the frame before it stays on the screen
            continue
        for frame in frames:
            stamp = frame_stamp(frame)
            if last is None:
                time = stamp or Fraction(0)
            elif stamp is None:
                time = last + period
            else:
                if stamp + shift < last - _CLOCK_RESET_S:
                    shift = last + period - stamp
                time = max(stamp + shift, last)
            last = time
            yield time, frame
