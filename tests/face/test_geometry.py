"""Similarity transforms, smoothing and the angle of the head."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.face.geometry import MEAN_FACE, apply, fit_similarity, jump_frames, smooth, yaw_degrees


def test_a_similarity_is_found_again_exactly() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        angle, scale, shift = rng.uniform(-3, 3), rng.uniform(0.1, 50), rng.uniform(-500, 500, 2)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        picture = MEAN_FACE @ turn.T + shift
        matrix = fit_similarity(picture[None], MEAN_FACE)
        back = np.stack([apply(matrix, point[None])[0] for point in picture])
        assert np.allclose(back, MEAN_FACE)


def test_smoothing_keeps_a_still_face_and_halves_jitter() -> None:
    still = np.full((50, 3), 7.0)
    none = np.array([], np.int64)
    assert np.allclose(smooth(still, none, 0.36), still)
    jitter = np.random.default_rng(0).normal(size=(500, 1))
    assert smooth(jitter, none, 0.36).std() < jitter.std() / 2


def test_smoothing_stops_at_a_cut() -> None:
    values = np.concatenate([np.zeros(20), np.ones(20)])[:, None]
    assert np.array_equal(smooth(values, np.array([20]), 0.36), values)
    assert not np.allclose(smooth(values, np.array([], np.int64), 0.36), values)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_clips_are_smoothed_too(count: int) -> None:
    assert smooth(np.ones((count, 2)), np.array([], np.int64), 0.36).shape == (count, 2)


def test_a_cut_is_a_jump_and_a_walk_is_not() -> None:
    face = np.random.default_rng(0).uniform(0, 100, (478, 2))
    walk = np.stack([face + [5 * t, 0] for t in range(40)])
    assert len(jump_frames(walk)) == 0
    walk[20:] += 300
    assert jump_frames(walk).tolist() == [20]


def test_yaw_is_positive_to_the_pictures_right() -> None:
    head = np.zeros((1, 478, 3))
    head[0, 234], head[0, 454] = (-1, 0, 0), (1, 0, 0)
    for degrees in (-60, 0, 30):
        turn = np.radians(degrees)
        turned = head.copy()
        # Turned to the right, the right cheek goes away from the camera: z, which grows away from it, is larger.
        turned[..., 0], turned[..., 2] = head[..., 0] * np.cos(turn), head[..., 0] * np.sin(turn)
        assert np.allclose(yaw_degrees(turned), degrees, atol=1e-3)
