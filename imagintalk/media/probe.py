"""What a video file holds, found without decoding more than its first frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from imagintalk.errors import ClipError
from imagintalk.media.container import frame_period, open_media, picture_stream, readable_packets
from imagintalk.types import MediaInfo

_TAIL_S = 3
"""Seconds before the stated end at which the search for the last frame starts."""


def probe(path: Path) -> MediaInfo:
    """Size, length, rate and rotation of a video file.

    The length runs from the first frame's time stamp to the end of the last frame's, in the source's own time.
    Raises ClipError: missing file, not a video, no picture stream, zero frames.
    """
    path = Path(path)
    with open_media(path) as container:
        stream = picture_stream(container, path)
        first = _first_frame(container, stream)
        if first is None:
            raise ClipError(f"{path}: the picture stream holds no frame that can be decoded; expected at least one")
        start = frame_stamp(first) or Fraction(0)
        end = _picture_end(container, stream)
        period = frame_period(stream)
        if end is None:
            end = start + _count_packets(path) * period
        width, height = square_pixels(stream, first)
        rotation = -first.rotation % 360
        rotation = round(rotation / 90) * 90 % 360
        if rotation in (90, 270):
            width, height = height, width
        return MediaInfo(
            path=path,
            width=width,
            height=height,
            duration_s=max(end - start, period),
            frame_rate=1 / period,
            rotation=rotation,
            has_audio=bool(container.streams.audio),
        )


def frame_stamp(frame: VideoFrame) -> Fraction | None:
    """When a decoded frame is shown, in seconds of the file's clock; None when the file does not say."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return None if stamp is None or frame.time_base is None else stamp * Fraction(frame.time_base)


def square_pixels(stream: VideoStream, frame: VideoFrame) -> tuple[int, int]:
    """Width and height of a frame before rotation, widened to square pixels (anamorphic film and tape)."""
    aspect = stream.sample_aspect_ratio or 1
    return (round(frame.width * aspect) if 0.25 < aspect < 4 else frame.width), frame.height


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    for packet in readable_packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        if frames:
            return frames[0]
    return None


def _picture_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """End of the last frame in seconds, read from the packets near the end; None when packets carry no times."""
    time_base = Fraction(stream.time_base or 0)
    stated = container.duration
    if stream.duration is not None and time_base:
        target: int | None = (stream.start_time or 0) + stream.duration
    else:
        target = round(Fraction(stated, 1_000_000) / time_base) if stated and time_base else None
    if target is not None:
        try:
            container.seek(max(target - round(_TAIL_S / time_base), 0), stream=stream)
            end = _latest(container, stream)
        except FFmpegError:
            end = None
        if end is not None:
            return end
    try:
        container.seek(0)
    except FFmpegError:
        return None
    return _latest(container, stream)


def _latest(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """End of the last frame that can be read from here on; as long as the one before it where it does not say."""
    times: list[tuple[Fraction, Fraction]] = []
    for packet in readable_packets(container, stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and not packet.is_discard and packet.time_base is not None:
            unit = Fraction(packet.time_base)
            times = sorted([*times, (stamp * unit, (packet.duration or 0) * unit)])[-2:]
    if not times:
        return None
    last, length = times[-1]
    return last + (length or (last - times[0][0]) or frame_period(stream))


def _count_packets(path: Path) -> int:
    with open_media(path) as container:
        stream = picture_stream(container, path)
        return sum(1 for packet in readable_packets(container, stream) if packet.size)
