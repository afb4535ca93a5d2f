"""The dubbed video shows the same picture, bit for bit, and its speech is in sync."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from coded_video import MakeVideo, index_of, steady

from imagintalk.errors import OutputError
from imagintalk.media.audio import read_audio
from imagintalk.media.mux import VIDEO_SUFFIXES, check_container, write_video
from imagintalk.media.probe import probe
from imagintalk.media.video import read_frames
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Clip, Speech


def packets(path: Path) -> list[tuple[bytes, Fraction]]:
    with av.open(str(path)) as reader:
        return [(bytes(p), p.pts * Fraction(p.time_base)) for p in reader.demux(video=0) if p.size]


def speech(seconds: float, beep_at: float) -> Speech:
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    start = round(beep_at * SAMPLE_RATE)
    samples[start : start + 480] = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(480) / SAMPLE_RATE)
    return Speech(samples, SAMPLE_RATE)


def beep_time(path: Path) -> float:
    samples = read_audio(path, SAMPLE_RATE)
    return int(np.flatnonzero(np.abs(samples) > 0.2)[0]) / SAMPLE_RATE


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv"])
@pytest.mark.parametrize("source", ["v.mp4", "v.mkv"])
def test_packets_and_times_are_the_source_s_own(
    make_video: MakeVideo, tmp_path: Path, source: str, suffix: str
) -> None:
    clip = Clip(make_video(source, *steady(75, 25), sound=np.ones(144_000, np.float32) * 0.1))
    out = tmp_path / f"dubbed{suffix}"
    write_video(clip.path, clip, speech(3.0, 1.5), out)
    assert packets(out) == packets(clip.path)
    assert abs(beep_time(out) - 1.5) < 0.004
    info = probe(out)
    assert info.has_audio
    assert info.duration_s == 3
    with av.open(str(out)) as reader:
        assert [stream.type for stream in reader.streams] == ["video", "audio"]
    assert sorted(tmp_path.iterdir()) == sorted([out, clip.path])


def test_other_pictures_go_into_the_containers_made_for_them(make_video: MakeVideo, tmp_path: Path) -> None:
    for codec, b_frames, name, out in (("libvpx-vp9", 0, "v.webm", "o.webm"), ("mpeg4", 0, "v.avi", "o.avi")):
        clip = Clip(make_video(name, *steady(75, 25), codec=codec, b_frames=b_frames))
        write_video(clip.path, clip, speech(3.0, 1.5), tmp_path / out)
        assert [p[0] for p in packets(tmp_path / out)] == [p[0] for p in packets(clip.path)]
        assert abs(beep_time(tmp_path / out) - 1.5) < 0.01


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotation_is_kept(make_video: MakeVideo, tmp_path: Path, angle: int) -> None:
    clip = Clip(make_video("v.mp4", *steady(25, 25), rotation=angle))
    for suffix in (".mp4", ".mkv"):
        out = tmp_path / f"dubbed{suffix}"
        write_video(clip.path, clip, speech(1.0, 0.5), out)
        assert probe(out).rotation == probe(clip.path).rotation == -angle % 360


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (0.96, 2.0), (1.2, 2.2), (2.0, None), (1.0, 1.04)])
def test_a_range_plays_in_sync(
    make_video: MakeVideo, tmp_path: Path, suffix: str, start: float, end: float | None
) -> None:
    """The speech's start falls together with the picture that the range starts with, wherever that lies."""
    clip = Clip(make_video("v.mp4", *steady(75, 25), gop=12), start, end)
    out = tmp_path / f"dubbed{suffix}"
    length = (3.0 if end is None else end) - start
    write_video(clip.path, clip, speech(length + 0.1, 0.0), out)
    shown = [index_of(picture) for picture in read_frames(Clip(out), probe(out))]
    first, last = round(start * 25), round((3.0 if end is None else end) * 25) - 1
    assert shown[: last + 1 - shown[0]] == list(range(shown[0], last + 1))
    assert len(shown) <= last + 1 - shown[0] + 2  # pictures that the decoding of the last ones needs
    assert first - 12 < shown[0] <= first
    assert abs(beep_time(out) - (first - shown[0]) / 25) < 0.004
    source = packets(clip.path)
    kept = {p[0] for p in packets(out)}
    assert kept >= {p[0] for p in source if shown[0] <= p[1] * 25 <= last}
    assert kept <= {p[0] for p in source}


def test_what_cannot_be_written(make_video: MakeVideo, tmp_path: Path) -> None:
    clip = Clip(make_video("v.mp4", *steady(25, 25)))
    for out, words in (
        (tmp_path / "o.gif", "unknown kind"),
        (tmp_path / "o", "unknown kind"),
        (tmp_path / "none" / "o.mp4", "no folder"),
        (tmp_path / "o.webm", r"cannot hold this picture \(h264\)"),
        (clip.path, "is the clip itself"),
    ):
        with pytest.raises(OutputError, match=words):
            write_video(clip.path, clip, speech(1.0, 0.5), out)
    assert list(tmp_path.iterdir()) == [clip.path]
    assert ".webm" in VIDEO_SUFFIXES


@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.52, 0.56)])
def test_a_container_that_cannot_hold_the_picture_is_told_before_the_work(
    make_video: MakeVideo, tmp_path: Path, start: float, end: float | None
) -> None:
    clip = Clip(make_video("v.mp4", *steady(25, 25)), start, end)
    check_container(clip, tmp_path / "o.mkv")
    with pytest.raises(OutputError, match=r"o\.webm: a \.webm file cannot hold this picture \(h264\)"):
        check_container(clip, tmp_path / "o.webm")
    assert list(tmp_path.iterdir()) == [clip.path]
