"""The picture of a clip, untouched, with the speech as its only sound."""

from __future__ import annotations

import heapq
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from imagintalk.errors import ClipError, OutputError
from imagintalk.media.container import open_media, picture_start, picture_stream, readable_packets
from imagintalk.media.files import whole_file
from imagintalk.media.times import seconds
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Clip, Speech

_SOUND = {
    ".mp4": ("aac", 24_000),
    ".m4v": ("aac", 24_000),
    ".mov": ("aac", 24_000),
    ".mkv": ("flac", 24_000),
    ".webm": ("libopus", 48_000),
    ".avi": ("pcm_s16le", 24_000),
}
"""Codec and samples per second of the sound, by what the container is made for; 48 kHz is what Opus plays at."""

VIDEO_SUFFIXES = tuple(_SOUND)

_TRIED_S = 0.1

_AUDIO_BLOCK = 1 << 14
"""Samples handed to the encoder at once."""


def write_video(source: Path, clip: Clip, speech: Speech, out: Path, tags: Mapping[str, str] | None = None) -> None:
    """Write `out` with the picture packets of `source` as they are and `speech` as the only sound.

    Packets, time stamps and rotation are copied, nothing is encoded again. With a range only its packets are written,
    and the file starts at 0. A picture can only be entered at a key frame: where the range starts between two, the
    picture starts at the key frame before it, and the speech that much later, in sync, after silence. One or two
    pictures behind the range's end stay where the last ones inside cannot be decoded without them.
    tags: what the file says of itself in its metadata, by the names of `provenance.TAGS`.
    Raises OutputError (retimed clip, unknown container, one that cannot hold this picture, cannot be written) and
    ClipError.
    """
    if clip.times:
        raise OutputError(f"{out}: the picture of a retimed clip cannot be written as it is; write a .wav file")
    suffix = out.suffix.lower()
    if suffix not in _SOUND:
        raise OutputError(f"{out}: unknown kind of video file {suffix!r}; expected one of {', '.join(VIDEO_SUFFIXES)}")
    if out.exists() and out.samefile(source):
        raise OutputError(f"{out}: is the clip itself; choose another name")
    with open_media(source) as reader:
        picture = picture_stream(reader, source)
        begin = picture_start(reader) or Fraction(0)
        packets = _wanted_packets(clip, reader, picture, begin)
        first = next(packets, None)
        if first is None:
            raise ClipError(f"{source}: no packet of the picture can be read in the wanted range")
        entered = begin if clip.start_s == 0 else _time(first)
        origin = Fraction(0) if clip.start_s == 0 else entered
        silence = max(begin + seconds(clip.start_s) - entered, Fraction(0))
        with whole_file(out) as partial:
            try:
                packets = itertools.chain([first], packets)
                _write(partial, picture, packets, origin, speech, entered - origin, silence, tags or {})
            except (FFmpegError, ValueError) as error:
                if isinstance(error, OSError):  # of the disk: put into words by whole_file
                    raise
                raise OutputError(
                    f"{out}: a {suffix} file cannot hold this picture ({picture.codec_context.name}) as it is;"
                    f" write a .mkv file instead ({error})"
                ) from None


def check_container(clip: Clip, out: Path) -> None:
    """What `write_video` would raise of the container only after the work: the first tenth of a second is tried.

    Raises OutputError (unknown container, one that cannot hold this picture) and ClipError.
    """
    end = clip.start_s + _TRIED_S
    start_of_clip = replace(clip, end_s=end if clip.end_s is None else min(end, clip.end_s))
    silence = Speech(np.zeros(round(_TRIED_S * SAMPLE_RATE), np.float32), SAMPLE_RATE)
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / f"tried{out.suffix}"
        try:
            write_video(clip.path, start_of_clip, silence, tried)
        except OutputError as error:
            raise OutputError(str(error).replace(str(tried), str(out))) from None


def _write(
    partial: Path,
    picture: VideoStream,
    packets: Iterator[Packet],
    origin: Fraction,
    speech: Speech,
    sound_at: Fraction,
    silence: Fraction,
    tags: Mapping[str, str],
) -> None:
    codec, rate = _SOUND[partial.suffix.lower()]
    with av.open(str(partial), "w") as writer:
        writer.metadata.update(tags)
        copied = writer.add_stream_from_template(picture)
        sound: AudioStream = writer.add_stream(codec, rate=rate)  # type: ignore[assignment]
        sound.layout = "mono"

        def moved() -> Iterator[Packet]:
            shift = round(origin / Fraction(picture.time_base or 1))
            for packet in packets:
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = copied
                yield packet

        samples = speech.samples if speech.rate == rate else soxr.resample(speech.samples, speech.rate, rate)
        samples = np.pad(samples, (round(silence * rate), 0))
        sounds = _encoded(sound, samples, rate, round(sound_at * rate))
        for packet in heapq.merge(moved(), sounds, key=_decoded_at):
            writer.mux(packet)


def _encoded(stream: AudioStream, samples: np.ndarray, rate: int, first_pts: int) -> Iterator[Packet]:
    integers = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    for at in range(0, len(integers), _AUDIO_BLOCK):
        frame = AudioFrame.from_ndarray(integers[None, at : at + _AUDIO_BLOCK], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), first_pts + at
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _wanted_packets(clip: Clip, container: InputContainer, stream: VideoStream, begin: Fraction) -> Iterator[Packet]:
    """Packets in decoding order, from the last key frame up to the start to the last one shown before the end."""
    start = begin + seconds(clip.start_s)
    end = None if clip.end_s is None else begin + seconds(clip.end_s)
    if clip.start_s == 0:
        yield from _until(_filled(container, stream), end)
        return
    waiting: list[Packet] = []
    packets = _from_key_frame(container, stream, start)
    for packet in packets:
        if packet.is_keyframe and _time(packet) <= start:
            waiting.clear()
        waiting.append(packet)
        if _decoded_at(packet) > start:
            break
    entered = _time(waiting[0]) if waiting else start
    # Packets shown before the key frame but stored after it need pictures that are not there.
    playable = (packet for packet in itertools.chain(waiting, packets) if _time(packet) >= entered)
    yield from _until(playable, end)


def _from_key_frame(container: InputContainer, stream: VideoStream, start: Fraction) -> Iterator[Packet]:
    try:
        container.seek(int(start / Fraction(stream.time_base or 1)), stream=stream)
        packets = _filled(container, stream)
        first = next(packets, None)
        if first is not None and _time(first) <= start:
            return itertools.chain([first], packets)
    except FFmpegError:
        pass  # a file that cannot be entered in its middle is read from its beginning
    container.seek(0)
    return _filled(container, stream)


def _until(packets: Iterator[Packet], end: Fraction | None) -> Iterator[Packet]:
    """Packets up to the last one shown before `end`; later ones stay only where that one's decoding needs them."""
    held: list[Packet] = []
    for packet in packets:
        if end is None or _time(packet) < end:
            yield from held
            held.clear()
            yield packet
        elif _decoded_at(packet) >= end:
            return
        else:
            held.append(packet)


def _filled(container: InputContainer, stream: VideoStream) -> Iterator[Packet]:
    return (packet for packet in readable_packets(container, stream) if packet.size)


def _decoded_at(packet: Packet) -> Fraction:
    return _time(packet) if packet.dts is None else packet.dts * Fraction(packet.time_base or 0)


def _time(packet: Packet) -> Fraction:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return (stamp or 0) * Fraction(packet.time_base or 0)
