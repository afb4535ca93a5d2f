"""Fixtures of the media tests."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from coded_video import MakeVideo, write_coded_video


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """make_video(name, times, last, ...) writes a video into the test's own folder."""
    return partial(write_coded_video, tmp_path)
