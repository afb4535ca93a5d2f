"""The extension as it is built and installed, in the real bpy, against a real worker process with a fake pipeline.

bpy is one per process and keeps what a test does to it, so `pytest` runs each of these files in a process of its own
(tests/test_blender.py); `pytest tests/blender` runs them in one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Blender reads these when it is imported: nothing of the user's may be used or changed.
_HOME = Path(tempfile.mkdtemp(prefix="imagintalk-blender-"))
os.environ["BLENDER_USER_RESOURCES"] = str(_HOME)
os.environ["XDG_STATE_HOME"] = str(_HOME / "state")
os.environ["TMPDIR"] = tempfile.tempdir = str(_HOME / "tmp")
(_HOME / "tmp").mkdir()

import bpy  # noqa: E402
from films import Film, draw_film  # noqa: E402
from workers import Served, python_that_serves  # noqa: E402

EXTENSION = "bl_ext.user_default.imagintalk"
REPOSITORY = Path(__file__).resolve().parents[2]

_status = 0


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The bpy module may crash when it ends in the usual way, after the tests have told what they found."""
    shutil.rmtree(_HOME, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_status)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built zip; IMAGINTALK_ZIP names one that is built already."""
    if "IMAGINTALK_ZIP" in os.environ:
        return Path(os.environ["IMAGINTALK_ZIP"])
    sys.path.insert(0, str(REPOSITORY / "addon"))
    from build import build

    sys.path.pop(0)
    return build(tmp_path_factory.mktemp("dist"), REPOSITORY / "build" / f"blender-tests-{os.getpid()}")


@pytest.fixture(scope="session")
def _installed(archive: Path) -> None:
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)


class Addon:
    """The enabled extension: `addon.part("takes")` is its module, `beat` its timer."""

    def part(self, name: str) -> ModuleType:
        return import_module(f"{EXTENSION}.{name}")

    @property
    def session(self) -> Any:
        return self.part("state").session()

    @property
    def preferences(self) -> Any:
        return bpy.context.preferences.addons[EXTENSION].preferences

    @property
    def dubs(self) -> list[Any]:
        return list(self.session.dubs.values())

    def beat(self, until: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Let the timer beat until something is true; fails when it does not become so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.part("tick").tick()
            found = until()
            if found:
                return found
            time.sleep(0.01)
        told = [(dub.label, dub.state, dub.reason) for dub in self.dubs]
        raise AssertionError(
            f"it did not happen in {seconds:g} s: {told}, {self.session.worker}, {self.session.trouble}"
        )

    def finish(self, seconds: float = 30.0) -> None:
        """Until no job is open."""
        self.beat(lambda: not any(dub.open for dub in self.dubs), seconds)


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
