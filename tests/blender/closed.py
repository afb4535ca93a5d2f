"""A Blender that is killed while a job runs: closed.py STATE BLEND FILM. Needs IMAGINTALK_ZIP."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from extension import Addon, build_archive, install

# isort: split
import bpy
from editing import put


def main(state: Path, blend: Path, film: Path) -> None:
    install(build_archive(state))
    addon = Addon()
    addon.preferences.auto_start, addon.preferences.state_folder = False, str(state)
    scene = bpy.context.scene
    compat = addon.part("compat")
    compat.editor(scene)
    compat.show_in_sequencer(bpy.context, scene)
    addon.beat(lambda: addon.session.worker == "ready")
    put(addon, scene, film)
    bpy.ops.imagintalk.generate()
    addon.beat(lambda: addon.dubs[0].state == "running")
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
