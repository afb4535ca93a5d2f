"""Opening media files through PyAV, with the errors a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from imagintalk.errors import ClipError

# FFmpeg opens text files as ANSI art (`tty`) and single pictures as one-frame videos; neither is a clip.
_NOT_MEDIA = ("tty", "image2")


def open_media(path: Path) -> InputContainer:
    """Open a media file for reading. Raises ClipError when it is missing, unreadable or no media file at all."""
    if not path.exists():
        raise ClipError(f"{path}: no such file; expected a video file")
    if not path.is_file():
        raise ClipError(f"{path}: not a file; expected a video file")
    if path.stat().st_size == 0:
        raise ClipError(f"{path}: the file is empty (0 bytes); expected a video file")
    try:
        container = av.open(str(path), mode="r", metadata_errors="ignore")
    except PermissionError:
        raise ClipError(f"{path}: no permission to read the file; change its permissions") from None
    except (FFmpegError, OSError, ValueError) as error:
        raise ClipError(f"{path}: not a video or audio file that FFmpeg reads ({_reason(error)})") from None
    if container.format.name in _NOT_MEDIA or container.format.name.endswith("_pipe"):
        container.close()
        raise ClipError(f"{path}: a single picture or a text; expected a video file")
    return container


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The moving picture of a file; covers of music files do not count. Raises ClipError when there is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            # Decoding on several threads only pays off, and only costs memory, for large pictures.
            stream.thread_type = "AUTO" if stream.width * stream.height > 640 * 480 else "NONE"
            return stream
    raise ClipError(f"{path}: the file has no picture stream, only {_streams(container)}; expected a video with a face")


def frame_period(stream: VideoStream) -> Fraction:
    """Seconds of one frame on average, for frames that do not say how long they last."""
    rate = stream.average_rate or stream.guessed_rate
    return 1 / Fraction(rate) if rate and 0 < rate <= 1000 else Fraction(1, 25)


def readable_packets(container: InputContainer, stream: Any) -> Iterator[Packet]:
    """The packets of one stream, the empty one that flushes the decoder last, as far as the file can be read."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):
            return
        yield packet


def picture_start(container: InputContainer) -> Fraction | None:
    """Seconds on the file's clock at which its moving picture starts; None when it has none or does not say."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic and stream.start_time is not None:
            return stream.start_time * Fraction(stream.time_base or 0)
    return None


def _streams(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return " and ".join(kinds) if kinds else "nothing"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
