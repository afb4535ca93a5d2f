"""What the report says of a face that was lost for a while."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.dubbing.report import bridged


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ("1111", []),
        ("1001", [(0.04, 0.12)]),
        ("0110", [(0.0, 0.04), (0.12, 0.16)]),
        ("0000", [(0.0, 0.16)]),
        ("", []),
    ],
)
def test_lost_stretches_are_told_in_seconds(seen: str, expected: list[tuple[float, float]]) -> None:
    assert bridged(np.array([letter == "1" for letter in seen], dtype=bool)) == expected
