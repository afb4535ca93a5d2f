"""Readings of training clips are made as doubtful as lips that the aligner never saw."""

from __future__ import annotations

import numpy as np

from imagintalk.training.lip_table import DOUBTED, _doubted


def test_some_runs_of_frames_lose_their_likeliest_token_and_rows_stay_chances() -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(20, 0.1), size=300).repeat(3, axis=0).astype(np.float16)
    doubted = _doubted(weights, None, rng)
    np.testing.assert_allclose(doubted.sum(axis=1, dtype=np.float64), 1, atol=5e-3)
    changed = doubted.argmax(axis=1) != weights.argmax(axis=1)
    assert 0.5 * DOUBTED < changed.mean() < 1.1 * DOUBTED
    assert (changed.reshape(300, 3).all(axis=1) == changed.reshape(300, 3).any(axis=1)).all()  # a run as a whole


def test_a_refilled_token_has_nothing_to_give_way_to() -> None:
    sure = np.eye(20, dtype=np.float16)
    np.testing.assert_array_equal(_doubted(sure, None, np.random.default_rng(0)), sure)


def test_silence_is_never_doubted() -> None:
    rng = np.random.default_rng(0)
    weights = np.full((100, 5), 0.02, np.float16)
    weights[:50, 3], weights[50:, 4] = 0.92, 0.92
    weights[::7, 1] = 0.99  # many runs
    doubted = np.stack([_doubted(weights, 3, rng) for _ in range(20)])
    silent = weights.argmax(axis=1) == 3
    assert (doubted[:, silent].argmax(axis=2) == 3).all()
    assert (doubted[:, ~silent].argmax(axis=2) != weights[~silent].argmax(axis=1)).any()
