"""A web and a home of its own for each test of the weights store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest
from web import Web, web


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder of this program."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name: str(tmp_path / "home" / name))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "home" / "imagintalk"


@pytest.fixture
def served() -> Iterator[Web]:
    with web() as state:
        yield state
