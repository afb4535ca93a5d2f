"""Sound of any media file as mono samples, and speech as WAV files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from numpy.typing import NDArray

from imagintalk.errors import ClipError
from imagintalk.media.container import open_media, picture_start, readable_packets
from imagintalk.media.files import whole_file
from imagintalk.media.times import seconds
from imagintalk.provenance import TAGS
from imagintalk.types import Speech

_LEAD_S = 1
"""Sound is entered this long before the wanted start, for decoders that need some packets to settle."""


def read_audio(path: Path, rate: int, start_s: float = 0.0, end_s: float | None = None) -> NDArray[np.float32]:
    """Sound of an audio or video file, (N,) float32 mono in about [-1, 1] at `rate` samples per second.

    Time zero is the first frame of the picture where there is one, so that sample n belongs to the picture n/rate s
    into the clip; sound that starts later is preceded by silence. Channels are averaged. With `end_s` N is exactly
    round((end_s - start_s) * rate), silence where the sound ends earlier; without, it lasts as long as the sound.
    Raises ClipError: no such file, no sound stream, nothing that can be decoded, start not before end.
    """
    path = Path(path)
    start, end = seconds(start_s), None if end_s is None else seconds(end_s)
    if start < 0 or (end is not None and end <= start):
        raise ClipError(f"{path}: expected 0 <= start < end in seconds, got start {start_s:g} and end {end_s}")
    with open_media(path) as container:
        if not container.streams.audio:
            raise ClipError(f"{path}: the file has no sound; expected a recording")
        stream = container.streams.audio[0]
        origin = picture_start(container)
        if origin is None:
            origin = (stream.start_time or 0) * Fraction(stream.time_base or 1)
        pieces, begin, source_rate = _decode(container, origin, start, end)
    if not pieces:
        raise ClipError(f"{path}: the file holds no sound that can be decoded in the wanted range")
    samples = np.concatenate(pieces)
    if source_rate != rate:
        samples = soxr.resample(samples, source_rate, rate)
    samples = _shift(samples, round((begin - start) * rate))
    if end is not None:
        wanted = round((end - start) * rate)
        samples = np.pad(samples[:wanted], (0, max(0, wanted - len(samples))))
    return np.ascontiguousarray(samples, dtype=np.float32)


def write_wav(path: Path, speech: Speech, tags: Mapping[str, str] | None = None) -> None:
    """Write speech as a WAV file of 16-bit PCM at its own rate, whole or not at all. Raises OutputError.

    tags: what the file says of itself in its INFO chunk, by the names of `provenance.TAGS`.
    """
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", speech.rate, channels=1, format="WAV", subtype="PCM_16") as wav:
        for name, value in (tags or {}).items():
            setattr(wav, name, value)
        wav.write(np.clip(speech.samples, -1, 1))
    with whole_file(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def read_tags(path: Path) -> dict[str, str]:
    """What a WAV file says of itself, by the names of `provenance.TAGS`; empty where it says nothing."""
    with soundfile.SoundFile(path) as wav:
        return {name: getattr(wav, name) for name in TAGS}


def _decode(
    container: InputContainer, origin: Fraction, start: Fraction, end: Fraction | None
) -> tuple[list[NDArray[np.float32]], Fraction, int]:
    """Pieces of mono sound that cover a range, the time of the first sample after `origin`, and their rate."""
    stream = container.streams.audio[0]
    pieces: list[NDArray[np.float32]] = []
    first, length, rate = Fraction(0), 0, 1
    to_float: dict[tuple[str, str, int], av.AudioResampler] = {}
    if start > 2 * _LEAD_S:
        _enter(container, stream, origin + start - _LEAD_S)
    for packet in readable_packets(container, stream):
        for frame in _decoded(stream, packet):
            time = None if frame.pts is None else frame.pts * Fraction(frame.time_base or 0)
            if not pieces:
                first, rate = origin if time is None else time, frame.sample_rate
            gap = 0 if time is None else round((time - first) * rate) - length
            if gap > rate // 20:  # a hole in the recording; smaller steps are rounding of the time stamps
                pieces.append(np.zeros(gap, np.float32))
                length += gap
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)  # may change within a broadcast
            resampler = to_float.setdefault(kind, av.AudioResampler(format="fltp", layout=frame.layout, rate=rate))
            for converted in resampler.resample(frame):
                pieces.append(converted.to_ndarray().mean(axis=0, dtype=np.float32))
                length += len(pieces[-1])
            if end is not None and first - origin + Fraction(length, rate) > end + _LEAD_S:
                return pieces, first - origin, rate
    return pieces, first - origin, rate


def _decoded(stream: AudioStream, packet: Packet) -> list[AudioFrame]:
    try:
        return stream.decode(packet)
    except FFmpegError:  # a damaged packet leaves a hole
        return []


def _enter(container: InputContainer, stream: AudioStream, target: Fraction) -> None:
    try:
        container.seek(int(target / Fraction(stream.time_base or 1)), stream=stream)
    except FFmpegError:  # then it is decoded from its beginning
        return


def _shift(samples: NDArray[np.float32], late: int) -> NDArray[np.float32]:
    """Move sound by `late` samples: silence before it when positive, cut when negative."""
    return np.pad(samples, (late, 0)) if late >= 0 else samples[-late:]
