"""Any frame rate comes out at 25 fps with the exact number of frames, each the one shown at its instant."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from coded_video import HEIGHT, WIDTH, MakeVideo, index_of, picture_of, steady

from imagintalk.errors import ClipError
from imagintalk.media.probe import probe
from imagintalk.media.times import clip_duration, frame_count
from imagintalk.media.video import read_frames
from imagintalk.types import Clip

RATES = [
    Fraction(10),
    Fraction(24000, 1001),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]


def shown(clip: Clip) -> list[int]:
    return [index_of(picture) for picture in read_frames(clip, probe(clip.path))]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "ts"])
@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
def test_every_rate_gives_the_nearest_frames_and_exactly_as_many(
    make_video: MakeVideo, rate: Fraction, suffix: str
) -> None:
    count = round(rate * 2) + 1
    clip = Clip(make_video(f"v.{suffix}", *steady(count, rate)))
    info = probe(clip.path)
    stamp_error = Fraction(1, 1000) if suffix == "mkv" else Fraction(1, 10_000)
    assert abs(info.duration_s - count / rate) <= 2 * stamp_error
    assert abs(info.frame_rate - rate) < Fraction(1, 10)
    indices = shown(clip)
    assert len(indices) == round(info.duration_s * 25) == frame_count(clip_duration(clip, info))
    for k, index in enumerate(indices):
        late = Fraction(k, 25) - index / rate
        if index < count - 1:
            assert late <= max(1 / (2 * rate), 1 / rate - Fraction(1, 50)) + stamp_error
        assert late >= -min(1 / (2 * rate), Fraction(1, 50)) - stamp_error


def test_25_fps_comes_out_frame_by_frame(make_video: MakeVideo) -> None:
    assert shown(Clip(make_video("v.mp4", *steady(40, 25)))) == list(range(40))


def test_a_variable_rate_follows_the_time_stamps(make_video: MakeVideo) -> None:
    gaps = [Fraction(g, 1000) for g in (20, 60, 40, 10, 10, 500, 30, 90, 17, 33, 240, 40)] * 3
    times = [sum(gaps[:i], Fraction(0)) for i in range(len(gaps))]
    clip = Clip(make_video("v.mp4", times, Fraction(40, 1000)))
    info = probe(clip.path)
    assert times[-1] < info.duration_s < times[-1] + Fraction(1, 10)  # few containers say how long the last one lasts
    indices = shown(clip)
    assert len(indices) == round(info.duration_s * 25)
    for k, index in enumerate(indices):
        instant = Fraction(k, 25)
        on_screen = max(i for i, time in enumerate(times) if time <= instant)
        assert index in (on_screen, on_screen + 1)
        if index > on_screen:
            assert times[index] - instant <= Fraction(1, 50)


def test_a_still_of_seconds_does_not_end_early(make_video: MakeVideo) -> None:
    clip = Clip(make_video("v.mp4", [Fraction(0), Fraction(2), Fraction(11, 5)], Fraction(1, 5)))
    assert shown(clip)[:56] == [0] * 50 + [1] * 5 + [2]


def test_a_clip_whose_clock_starts_late_starts_with_its_first_frame(make_video: MakeVideo) -> None:
    clip = Clip(make_video("v.ts", *steady(50, 25, start=Fraction(7))))
    assert probe(clip.path).duration_s == 2
    assert shown(clip) == list(range(50))
    assert shown(Clip(clip.path, 1.0, 1.4)) == list(range(25, 35))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.4), (0.52, 1.0), (1.0, 3.0), (3.52, None), (3.96, None)])
def test_a_range_is_a_part_of_the_whole(make_video: MakeVideo, suffix: str, start: float, end: float | None) -> None:
    codec = "mpeg4" if suffix == "avi" else "libx264"
    clip = Clip(make_video(f"v.{suffix}", *steady(100, 25), codec=codec, b_frames=0 if suffix == "avi" else 2))
    whole = shown(clip)
    assert len(whole) == 100
    assert shown(Clip(clip.path, start, end)) == whole[round(start * 25) : None if end is None else round(end * 25)]


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_the_rotation_flag_turns_the_picture_upright(make_video: MakeVideo, angle: int) -> None:
    path = make_video("v.mp4", *steady(3, 25), rotation=angle)
    info = probe(path)
    assert info.rotation == -angle % 360
    assert (info.width, info.height) == ((WIDTH, HEIGHT) if angle % 180 == 0 else (HEIGHT, WIDTH))
    frames = list(read_frames(Clip(path), info))
    expected = np.rot90(picture_of(1), k=angle // 90)
    assert frames[1].shape == expected.shape
    assert np.abs(frames[1].astype(int) - expected).mean() < 8


def test_anamorphic_pixels_come_out_square(make_video: MakeVideo) -> None:
    path = make_video("v.mkv", *steady(3, 25), sample_aspect_ratio=Fraction(16, 11))
    info = probe(path)
    assert (info.width, info.height) == (round(WIDTH * 16 / 11), HEIGHT)
    assert next(read_frames(Clip(path), info)).shape == (HEIGHT, round(WIDTH * 16 / 11), 3)


def test_a_raw_stream_without_time_stamps_is_read_at_its_average_rate(make_video: MakeVideo, tmp_path: Path) -> None:
    source = make_video("v.ts", *steady(60, 25))
    raw = tmp_path / "v.h264"
    with av.open(str(source)) as reader:
        raw.write_bytes(b"".join(bytes(packet) for packet in reader.demux(video=0) if packet.size))
    indices = shown(Clip(raw))
    assert len(indices) == 60
    assert indices == list(range(60))
    assert shown(Clip(raw, 1.0, 2.0)) == list(range(25, 50))


def test_joined_streams_whose_clock_starts_anew_run_on(make_video: MakeVideo, tmp_path: Path) -> None:
    one = make_video("one.ts", *steady(50, 25, start=Fraction(10)))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() + make_video("two.ts", *steady(50, 25)).read_bytes())
    info = probe(joined)
    indices = [index_of(p) for p in read_frames(Clip(joined), info)]
    assert len(indices) == frame_count(info.duration_s)
    assert indices[:48] == list(range(48))


def test_a_file_that_breaks_off_is_held_to_its_stated_length(make_video: MakeVideo, tmp_path: Path) -> None:
    whole = make_video("v.mkv", *steady(100, 25))
    broken = tmp_path / "broken.mkv"
    content = whole.read_bytes()
    broken.write_bytes(content[: len(content) * 2 // 3])
    info = probe(broken)
    indices = [index_of(p) for p in read_frames(Clip(broken), info)]
    assert len(indices) == frame_count(info.duration_s)
    assert indices == sorted(indices)
    assert indices[:20] == list(range(20))


def test_damaged_packets_are_passed_over(make_video: MakeVideo, tmp_path: Path) -> None:
    content = bytearray(make_video("v.ts", *steady(100, 25)).read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(content) // 4, len(content) * 3 // 4, 20):
        content[at] ^= 0xFF
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(content)
    clip = Clip(damaged)
    assert len(shown(clip)) == frame_count(probe(damaged).duration_s)


def test_memory_does_not_grow_with_the_clip(make_video: MakeVideo) -> None:
    clip = Clip(make_video("v.mp4", *steady(600, 25)))
    info = probe(clip.path)
    tracemalloc.start()
    frames = read_frames(clip, info)
    for _ in islice(frames, 50):
        pass
    early = tracemalloc.get_traced_memory()[1]
    for _ in frames:
        pass
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert late < early + 10 * WIDTH * HEIGHT * 3


@pytest.mark.parametrize(
    ("start", "end"),
    [(-0.1, None), (4.0, None), (9.0, None), (1.0, 1.0), (2.0, 1.0), (0.0, 4.2), (0.0, 0.01), (float("nan"), None)],
)
def test_a_range_outside_of_the_clip_names_its_length(make_video: MakeVideo, start: float, end: float | None) -> None:
    clip = Clip(make_video("v.mp4", *steady(100, 25)), start, end)
    info = probe(clip.path)
    with pytest.raises(ClipError, match=r"v\.mp4: .*the clip is 4\.000 s long"):
        clip_duration(clip, info)
    with pytest.raises(ClipError):
        next(read_frames(clip, info))


def test_an_end_rounded_up_is_taken_as_the_end(make_video: MakeVideo) -> None:
    clip = Clip(make_video("v.mp4", *steady(73, Fraction(30000, 1001))))
    info = probe(clip.path)
    assert clip_duration(Clip(clip.path, 0.0, 2.44), info) == info.duration_s


def test_real_clips_give_every_frame(shared_data: Path) -> None:
    for path in sorted((shared_data / "grid" / "s1").glob("*.mp4"))[:3] + sorted((shared_data / "wild").glob("*.mp4")):
        with av.open(str(path)) as reader:
            decoded = [frame.to_ndarray(format="rgb24") for frame in reader.decode(video=0)]
        frames = list(read_frames(Clip(path), probe(path)))
        assert len(frames) == len(decoded)
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(frames, decoded, strict=True))
