"""Runs each file of tests/blender in a process of its own: bpy is one per process, and may take it down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_FILES = sorted((Path(__file__).parent / "blender").glob("test_*.py"))


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_in_blender(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
