"""A retimed clip comes out as an editor shows it: sped up, slowed down, reversed, held, in pieces."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from coded_video import HEIGHT, WIDTH, MakeVideo, index_of, steady
from hypothesis import given
from hypothesis import strategies as st

from imagintalk.errors import ClipError, OutputError
from imagintalk.media import video
from imagintalk.media.mux import check_container
from imagintalk.media.probe import probe
from imagintalk.media.times import clip_duration, frame_count, instants
from imagintalk.media.video import read_frames
from imagintalk.types import Clip

Times = tuple[tuple[float, float], ...]


def shown(clip: Clip) -> list[int]:
    return [index_of(picture) for picture in read_frames(clip, probe(clip.path))]


@pytest.fixture
def clip_path(make_video: MakeVideo) -> Path:
    return make_video("v.mp4", *steady(100, 25))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (((0.0, 1.0), (2.0, 3.0)), [*range(25, 75)]),
        (((0.0, 0.0), (2.0, 4.0)), [*range(0, 100, 2)]),
        (((0.0, 3.96), (3.96, 0.0)), [*range(99, 0, -1)]),
        (((0.0, 1.0), (0.4, 1.0), (0.8, 0.6), (1.2, 1.0)), [25] * 10 + [*range(25, 15, -1)] + [*range(15, 25)]),
        (((0.0, -0.4), (0.8, 0.4)), [0] * 10 + [*range(10)]),
        (((0.0, 3.6), (0.8, 4.4)), [*range(90, 100)] + [99] * 10),
    ],
    ids=["range", "twice as fast", "reversed", "held, back and forth", "before the start", "past the end"],
)
def test_the_picture_follows_the_times(clip_path: Path, times: Times, expected: list[int]) -> None:
    assert shown(Clip(clip_path, times=times)) == expected


def test_half_speed_shows_each_frame_twice(clip_path: Path) -> None:
    indices = shown(Clip(clip_path, times=((0.0, 1.0), (2.0, 2.0))))
    assert len(indices) == 50
    assert all(abs(index - (25 + k / 2)) <= 0.5 for k, index in enumerate(indices))


def test_reversed_in_small_pieces_is_reversed_all_the_same(clip_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "_HELD_BYTES", 7 * WIDTH * HEIGHT * 3)
    assert shown(Clip(clip_path, times=((0.0, 3.96), (3.96, 0.0)))) == [*range(99, 0, -1)]


@pytest.mark.parametrize(("start", "end"), [(0.0, None), (0.52, 1.0), (1.01, 3.333), (3.52, None)])
def test_a_range_and_its_times_are_the_same(make_video: MakeVideo, start: float, end: float | None) -> None:
    path = make_video("v.mp4", *steady(120, Fraction(30000, 1001)))
    info = probe(path)
    last = float(info.duration_s) if end is None else end
    times = ((0.0, start), (last - start, last))
    assert shown(Clip(path, start, end)) == shown(Clip(path, times=times))
    assert clip_duration(Clip(path, times=times), info) == pytest.approx(clip_duration(Clip(path, start, end), info))


gaps = st.fractions(Fraction(1, 100), 5, max_denominator=1001)


@given(st.lists(st.tuples(gaps, st.fractions(-10, 3600, max_denominator=1001)), min_size=1, max_size=5))
def test_every_instant_lies_on_the_line(steps: list[tuple[Fraction, Fraction]]) -> None:
    points = [(Fraction(0), Fraction(1))]
    for gap, source in steps:
        points.append((points[-1][0] + gap, source))
    found = instants(tuple(points))
    assert len(found) == frame_count(points[-1][0])
    for (t0, s0), (t1, s1) in zip(points, points[1:], strict=False):
        for k in range(-(-t0 * 25 // 1), min(t1 * 25 // 1 + 1, len(found))):
            assert (found[k] - s0) * (t1 - t0) == (s1 - s0) * (Fraction(k, 25) - t0)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (((0.0, 0.0),), "two pairs or more, the first at 0 s; got 1 pairs"),
        (((0.5, 0.0), (1.0, 1.0)), "the first at 0.5 s"),
        (((0.0, 0.0), (1.0, 1.0), (1.0, 2.0)), "must increase from pair to pair; got 1 s after 1 s"),
        (((0.0, 0.0), (float("inf"), 1.0)), "numbers of seconds"),
        (((0.0, 4.0), (1.0, 5.0)), "4 to 5 s of the file, which all lies outside of it; the clip is 4.000 s long"),
        (((0.0, -2.0), (1.0, -1.0)), "outside of it"),
        (((0.0, 0.0), (0.01, 1.0)), "less than one frame"),
    ],
)
def test_senseless_times_are_told(clip_path: Path, times: Times, words: str) -> None:
    with pytest.raises(ClipError, match=rf"v\.mp4: .*{words}"):
        next(read_frames(Clip(clip_path, times=times), probe(clip_path)))


def test_times_and_a_range_contradict_each_other(clip_path: Path) -> None:
    with pytest.raises(ClipError, match="got both"):
        clip_duration(Clip(clip_path, 1.0, times=((0.0, 0.0), (1.0, 1.0))), probe(clip_path))


def test_a_retimed_picture_is_not_written(clip_path: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"retimed clip .* write a \.wav"):
        check_container(Clip(clip_path, times=((0.0, 0.0), (1.0, 2.0))), tmp_path / "out.mp4")
