"""Drives the extension in a real Blender window: python tests/blender/gui/drive.py [--only 4.3]

Makes a room with Debian's Blender for each version (root, debootstrap; minutes the first time), opens the Video Editing
workspace with two drawn clips, presses Generate Dialogue in the sidebar, takes screenshots, has Blender render while a
take is made, and prints how long the main thread was away at most.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import soundfile
from rooms import HIGH, Room, RoomError, Screen, entered

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
ROOMS = {"4.3": Room("trixie"), "5.2": Room("sid", ("python3-cattr",), settles_s=20.0)}
_BUTTON = (0.5, 98)
"""Of Generate Dialogue: share of the sidebar's width, pixels below its top."""
_WORKER = """
import os, sys
from pathlib import Path
from imagintalk_server.daemon import run
from imagintalk_server.settings import Backend, Settings
run(Settings(Backend("speaks:Speaks"), state=Path(sys.argv[1])), screen=False)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(ROOMS), help="one version of Blender")
    cache = platformdirs.user_cache_path("imagintalk") / "gui"
    parser.add_argument("--folder", type=Path, default=cache, help=f"where the rooms are kept (default {cache})")
    parser.add_argument("--images", type=Path, default=REPOSITORY / "docs" / "images", help="where screenshots go")
    args = parser.parse_args()
    try:
        for number, (version, room) in enumerate(ROOMS.items()):
            if args.only in (None, version):
                report(visit(version, room.make(args.folder), room.settles_s, 90 + number, args.images))
    except RoomError as error:
        print(f"drive: {error}", file=sys.stderr)
        return 1
    return 0


def report(told: dict[str, Any]) -> None:
    without, during, end = told["without_job"], told["with_job"], told["at_its_end"]
    print(
        f"Blender {told['version']}: {told['takes']} takes on the timeline. Main thread away at most"
        f" {without['longest_ms']} ms without a job and the same redraws, {during['longest_ms']} ms while one ran,"
        f" {end['longest_ms']} ms as its take appeared. Of that the extension: its timer {during['own_ms']} ms while"
        f" the job ran and {end['own_ms']} ms as the take appeared, the press of the button {during['press_ms']} ms."
        f" A take that was ready {told['ready_s']} s before the end of a render appeared after it."
    )


def visit(version: str, root: Path, settles_s: float, number: int, images: Path) -> dict[str, Any]:
    """One run in one room: what Blender told. Raises RoomError."""
    shared = Path(tempfile.mkdtemp(prefix="imagintalk-gui-"))
    try:
        furnish(shared)
        worker = _start_worker(shared / "worker")
        try:
            with entered(root, shared, number) as screen:
                return play(version, screen, settles_s, images)
        finally:
            worker.terminate()
            worker.wait(20)
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def furnish(shared: Path) -> None:
    """The built extension, and two clips with what is said in them beside."""
    sys.path.insert(0, str(REPOSITORY / "addon"))
    from build import build
    from imagintalk.drawn.render import draw_clip
    from imagintalk.drawn.sentence import sample_sentences
    from imagintalk.media.audio import read_audio
    from imagintalk.rates import SAMPLE_RATE

    sys.path.pop(0)
    build(shared, shared / "build")
    (shared / "footage").mkdir()
    for number, name in enumerate(("interview", "portrait")):
        film = shared / "footage" / f"{name}.mp4"
        sentence = sample_sentences(number + 1, "test", 0)[number]
        draw_clip(sentence, number, film)
        soundfile.write(film.with_suffix(".wav"), read_audio(film, SAMPLE_RATE), SAMPLE_RATE, subtype="PCM_16")
        draw_clip(sentence, number, film, sound=False)


def _start_worker(state: Path) -> subprocess.Popen[bytes]:
    """Outside of the room: the network and the folders are the same."""
    settings = os.environ | {"PYTHONPATH": str(HERE)}
    return subprocess.Popen([sys.executable, "-c", _WORKER, str(state)], env=settings, stdout=subprocess.DEVNULL)


def play(version: str, screen: Screen, settles_s: float, images: Path) -> dict[str, Any]:
    """Press and measure; press again and look. Raises RoomError."""
    shutil.copy(HERE / "start.py", screen.shared)
    words = ("blender", "--factory-startup", "--window-geometry", "0", "0", "1600", str(HIGH))
    blender = screen.start("env", f"IMAGINTALK_GUI={screen.shared}", *words, "-P", str(screen.shared / "start.py"))
    try:
        told = _wait(screen, blender, lambda told: told.get("ready"))
        time.sleep(settles_s)
        images.mkdir(parents=True, exist_ok=True)
        x, y, wide, high = told["sidebar"]
        button = round(x + _BUTTON[0] * wide), HIGH - (y + high) + _BUTTON[1]
        screen.click(*button)
        _wait(screen, blender, lambda told: told.get("measured"))
        screen.click(*button)
        _wait(screen, blender, lambda told: told.get("fraction", 0) > 0.3)
        shutil.copy(screen.shoot("during.png"), images / f"blender-{version}-during.png")
        told = _wait(screen, blender, lambda told: told.get("done"))
        time.sleep(2)
        shutil.copy(screen.shoot("after.png"), images / f"blender-{version}-after.png")
        (screen.shared / "panels").touch()
        x, y, wide, high = _wait(screen, blender, lambda told: told.get("timeline"))["timeline"]
        screen.point(x + wide // 4, HIGH - (y + high) + high // 4)  # where no tooltip opens
        time.sleep(settles_s)
        shutil.copy(screen.shoot("panels.png"), images / f"blender-{version}-panels.png")
        (screen.shared / "search").touch()
        _wait(screen, blender, lambda told: told.get("searches"))
        time.sleep(3)
        screen.write("imagintalk")
        time.sleep(3)
        shutil.copy(screen.shoot("search.png"), images / f"blender-{version}-search.png")
        screen.key("Escape")
        (screen.shared / "render").touch()
        told = _wait(screen, blender, lambda told: "ready_s" in told)
        (screen.shared / "enough").touch()
        blender.wait(20)
        return told
    finally:
        blender.kill()


def _wait(screen: Screen, blender: subprocess.Popen[bytes], there: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    path = screen.shared / "told.json"
    until = time.monotonic() + 90
    told: dict[str, Any] = {}
    while time.monotonic() < until:
        told = json.loads(path.read_text()) if path.exists() else {}
        if "failed" in told:
            break
        if there(told):
            return told
        if blender.poll() is not None:
            break
        time.sleep(0.05)
    said = (screen.shared / "room.log").read_text(errors="replace").strip().splitlines()[-12:]
    screen.shoot("lost.png")
    shutil.copy(screen.shared / "lost.png", tempfile.gettempdir())
    raise RoomError(f"it went no further than {told}; Blender said: {' | '.join(said)}")


if __name__ == "__main__":
    sys.exit(main())
