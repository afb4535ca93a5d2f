"""The speaking face is chosen, or the named one."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.errors import FaceError
from imagintalk.face.choose import choose_face
from imagintalk.types import FaceTrack


def track(index: int, motion: float, seen: float = 1.0) -> FaceTrack:
    landmarks = np.random.default_rng(index).uniform(0, 100, (20, 478, 2)).astype(np.float32)
    return FaceTrack(index, landmarks, np.arange(20) < 20 * seen, motion, np.zeros(20, np.float32))


def test_the_mouth_that_moves_is_chosen() -> None:
    assert choose_face([track(0, 0.01), track(1, 0.2), track(2, 0.02)], None).index == 1


def test_of_equals_the_largest_is_chosen() -> None:
    assert choose_face([track(0, 0.19), track(1, 0.2)], None).index == 0
    assert choose_face([track(0, 0.0), track(1, 0.0)], None).index == 0


def test_a_face_that_is_hardly_there_is_not_the_speaker() -> None:
    assert choose_face([track(0, 0.1), track(1, 0.4, seen=0.1)], None).index == 0


def test_the_named_one_is_chosen_though_it_is_silent() -> None:
    assert choose_face([track(0, 0.5), track(1, 0.0)], 1).index == 1


def test_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(FaceError, match=r"no face 5.*face 0 at x \d+ y \d+, \d+ px high; face 1"):
        choose_face([track(0, 0.5), track(1, 0.0)], 5)
    with pytest.raises(FaceError, match="no face found"):
        choose_face([], None)
