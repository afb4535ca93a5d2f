"""Joining sightings of faces to tracks, without pictures: movement, gaps, cuts."""

from __future__ import annotations

from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from imagintalk.face import track as tracking
from imagintalk.face.track import BRIDGE_FRAMES, STRIDE, track_faces
from imagintalk.types import FaceTrack

SHAPE = np.random.default_rng(0).uniform(-0.5, 0.5, (478, 3)).astype(np.float32)
SHAPE[10], SHAPE[152] = (0, -0.5, 0), (0, 0.5, 0)  # forehead and chin: one height apart


def face(x: float, size: float = 100) -> NDArray[np.float32]:
    return SHAPE * np.float32(size) + np.array([x, 200, 0], np.float32)


def follow(
    monkeypatch: pytest.MonkeyPatch, faces_at: dict[int, list[NDArray[np.float32]]], count: int
) -> list[FaceTrack]:
    """Track what a finder would see: faces by frame; frame numbers travel in the pictures' first pixel."""

    class Finder:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def find(self, picture: NDArray[np.int64]) -> list[NDArray[np.float32]]:
            return faces_at.get(int(picture[0]), [])

    monkeypatch.setattr(tracking, "FaceFinder", Finder)
    return track_faces((np.array([index]) for index in range(count)), count)


def centre(track: FaceTrack) -> NDArray[np.float32]:
    return track.landmarks.mean(axis=1)[:, 0] - SHAPE[:, 0].mean() * 100


def test_a_moving_face_is_interpolated(monkeypatch: pytest.MonkeyPatch) -> None:
    (track,) = follow(monkeypatch, {t: [face(100 + 2 * t)] for t in range(31)}, 31)
    assert track.landmarks.shape == (31, 478, 2)
    assert track.seen.all()
    assert np.allclose(centre(track), 100 + 2 * np.arange(31), atol=0.01)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 30])
def test_the_last_frame_is_always_searched(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    (track,) = follow(monkeypatch, {t: [face(100 + t)] for t in range(count)}, count)
    assert track.seen.all()
    assert np.allclose(centre(track), 100 + np.arange(count), atol=0.01)


def test_a_short_loss_is_bridged_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    (track,) = follow(monkeypatch, {t: [face(100 + t)] for t in range(61) if not 20 <= t <= 30}, 61)
    assert np.allclose(centre(track), 100 + np.arange(61), atol=0.01)
    assert np.flatnonzero(~track.seen).tolist() == list(range(19, 33))  # between the sightings at 18 and 33


def test_in_a_long_loss_the_nearer_sighting_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = range(15, 15 + BRIDGE_FRAMES + 2 * STRIDE)
    (track,) = follow(monkeypatch, {t: [face(100 + t)] for t in range(76) if t not in gap}, 76)
    steps = np.abs(np.diff(centre(track)[gap.start : gap.stop - STRIDE]))
    assert (steps > 1).sum() == 1


def test_a_face_lost_at_both_ends_is_held_there(monkeypatch: pytest.MonkeyPatch) -> None:
    (track,) = follow(monkeypatch, {t: [face(100 + t)] for t in range(12, 31)}, 45)
    assert np.allclose(centre(track)[:12], 112, atol=0.01)
    assert np.allclose(centre(track)[31:], 130, atol=0.01)
    assert not track.seen[:12].any()
    assert not track.seen[31:].any()


def test_two_faces_that_pass_in_any_order_keep_their_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = {t: [face(100), face(500, 60)][:: 1 if t % 2 else -1] for t in range(31)}
    large, small = follow(monkeypatch, faces, 31)
    assert (large.index, small.index) == (0, 1)
    assert np.ptp(centre(large)) < 0.01
    assert np.ptp(small.landmarks.mean(axis=1)[:, 0]) < 0.01


def test_a_cut_goes_on_in_the_same_track_without_a_slide(monkeypatch: pytest.MonkeyPatch) -> None:
    (track,) = follow(monkeypatch, {t: [face(100 if t < 30 else 900)] for t in range(60)}, 60)
    assert track.seen.all()
    assert set(np.round(centre(track)).tolist()) == {100.0, 900.0}


def test_a_face_that_comes_while_another_stays_is_a_track_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = follow(monkeypatch, {t: [face(100)] + ([face(500)] if t >= 30 else []) for t in range(60)}, 60)
    assert sorted(round(float(track.seen.mean()), 1) for track in tracks) == [0.5, 1.0]


def test_a_single_false_sighting_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = follow(monkeypatch, {t: [face(100)] + ([face(700)] if t == 60 else []) for t in range(150)}, 150)
    assert len(tracks) == 1


def test_no_face_gives_no_track(monkeypatch: pytest.MonkeyPatch) -> None:
    assert follow(monkeypatch, {}, 20) == []


def test_mouth_motion_counts_the_gap_between_the_lips(monkeypatch: pytest.MonkeyPatch) -> None:
    def talking(t: int, width: float) -> NDArray[np.float32]:
        moved = face(100)
        moved[13], moved[14] = (100, 220, 0), (100, 220 + width * (t // STRIDE % 2), 0)
        return moved

    still = follow(monkeypatch, {t: [talking(t, 0)] for t in range(61)}, 61)[0].mouth_motion
    loud = follow(monkeypatch, {t: [talking(t, 10)] for t in range(61)}, 61)[0].mouth_motion
    assert still == 0
    assert loud == pytest.approx(0.1 * 25 / STRIDE, rel=0.01)  # a tenth of the face height at each sighting
