"""The extension as it is built and installed, in the real bpy, against a real worker process with a fake pipeline.

bpy is one per process and keeps what a test does to it, so `pytest` runs each of these files in a process of its own
(tests/test_blender.py); `pytest tests/blender` runs them in one.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from extension import EXTENSION, HOME, Addon, build_archive, install  # sets up what bpy reads when it is imported

# isort: split
import bpy
import pytest
from films import Film, draw_film
from workers import Served, python_that_serves

_status = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The bpy module may crash when it ends in the usual way, after the tests have told what they found."""
    shutil.rmtree(HOME, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built zip."""
    return build_archive(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def _installed(archive: Path) -> None:
    install(archive)


@pytest.fixture
def addon(_installed: None, tmp_path: Path) -> Iterator[Addon]:
    """Enabled, with an empty file and no worker yet: its folder is this test's own."""
    made = Addon()
    made.session.disconnect()
    shutil.rmtree(made.part("paths").unsaved_folder(), ignore_errors=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    made.preferences.where = "LOCAL"
    made.preferences.python = ""
    made.preferences.auto_start = False
    made.preferences.state_folder = str(tmp_path / "worker")
    made.part("tick").tick()
    made.session.trouble = ""
    yield made
    if EXTENSION in bpy.context.preferences.addons:
        made.session.disconnect()


@pytest.fixture
def worker(addon: Addon, tmp_path: Path) -> Iterator[Served]:
    """A worker that answers, in a process of its own."""
    served = Served(tmp_path / "worker")
    addon.beat(lambda: addon.session.worker == "ready")
    yield served
    served.stop()


@pytest.fixture
def serving_python(tmp_path: Path) -> Path:
    """For the preferences: a Python whose `imagintalk worker start` starts a worker with the fake pipeline."""
    return python_that_serves(tmp_path / "python")


@pytest.fixture
def scene(addon: Addon) -> Any:
    """The scene on the timeline: 24 fps, empty."""
    found = bpy.context.scene
    found.render.fps, found.render.fps_base = 24, 1.0
    found.render.resolution_x, found.render.resolution_y = 128, 96
    compat = addon.part("compat")
    compat.show_in_sequencer(bpy.context, found)
    compat.editor(found)
    return found


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """film(name, seconds, fps, sound): path of a small movie."""

    def draw(name: str = "film.mp4", seconds: float = 2.0, fps: float = 24.0, sound: bool = False) -> Path:
        return draw_film(tmp_path / name, seconds, fps, sound)

    return draw
