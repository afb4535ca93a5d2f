"""The extension as it is built and installed, in a Blender that touches nothing of the user's. Comes before bpy."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

# Blender reads these when it is imported.
HOME = Path(tempfile.mkdtemp(prefix="imagintalk-blender-"))
os.environ["BLENDER_USER_RESOURCES"] = str(HOME)
os.environ["XDG_STATE_HOME"] = str(HOME / "state")
os.environ["TMPDIR"] = tempfile.tempdir = str(HOME / "tmp")
(HOME / "tmp").mkdir()

import bpy  # noqa: E402

EXTENSION = "bl_ext.user_default.imagintalk"
REPOSITORY = Path(__file__).resolve().parents[2]


def build_archive(folder: Path) -> Path:
    """The zip, newly built; IMAGINTALK_ZIP names one that is built already."""
    if "IMAGINTALK_ZIP" in os.environ:
        return Path(os.environ["IMAGINTALK_ZIP"])
    sys.path.insert(0, str(REPOSITORY / "addon"))
    from build import build

    sys.path.pop(0)
    return build(folder, folder)


def install(archive: Path) -> None:
    """Install and enable it."""
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
        now = self.session
        words = f"{now.worker}; {now.trouble}; {now.last_words}"
        raise AssertionError(f"it did not happen in {seconds:g} s: {told}, {words}")

    def finish(self, seconds: float = 30.0) -> None:
        """Until no job is open, and what was inserted can be undone."""
        self.beat(lambda: not any(dub.open for dub in self.dubs) and not self.session.unsealed, seconds)
