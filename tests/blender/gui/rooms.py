"""Folders that hold a Debian with its Blender, in which a window can be opened on a screen that nobody sees."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_MIRROR = "http://deb.debian.org/debian"
_PACKAGES = (
    "blender", "python3-numpy", "python3-requests", "python3-zstandard",  # the last three Blender's own add-ons want
    "xvfb", "libgl1-mesa-dri", "libegl1", "imagemagick", "xdotool",
)  # fmt: skip
WIDE, HIGH = 1600, 1000


class RoomError(Exception):
    """The room cannot be made or used; one line."""


@dataclass(frozen=True)
class Room:
    """A chroot. Needs root, debootstrap, 2 GB, and some minutes the first time."""

    suite: str
    """Of Debian."""
    more: tuple[str, ...] = ()
    """Packages that this Blender needs besides."""
    settles_s: float = 10.0
    """Until a new window has drawn itself."""

    def make(self, folder: Path) -> Path:
        """Its folder below `folder`, made where it is not there yet. Raises RoomError."""
        root = folder / self.suite
        if (root / "ready").exists():
            return root
        if os.geteuid() != 0 or shutil.which("debootstrap") is None:
            raise RoomError("expected root and debootstrap (apt-get install debootstrap)")
        shutil.rmtree(root, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        _run("debootstrap", "--variant=minbase", self.suite, str(root), _MIRROR)
        with _mounted(root, ()):
            words = ("DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends")
            _run("chroot", str(root), "env", *words, *_PACKAGES, *self.more)
        (root / "ready").touch()
        return root


class Screen:
    """A screen in a room, a folder that both sides see under one name, and what can be done with them."""

    def __init__(self, root: Path, shared: Path, number: int) -> None:
        self.root, self.shared, self._display = root, shared, f":{number}"
        (shared / "tmp").mkdir()
        self._server = self.start("Xvfb", self._display, "-screen", "0", f"{WIDE}x{HIGH}x24")
        time.sleep(2)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A program in the room; what it says goes to room.log in the shared folder."""
        settings = {
            "DISPLAY": self._display, "LIBGL_ALWAYS_SOFTWARE": "1", "PATH": os.defpath, "LANG": "C.UTF-8",
            "HOME": str(self.shared / "home"), "BLENDER_USER_RESOURCES": str(self.shared / "home"),
            "TMPDIR": str(self.shared / "tmp"),
        }  # fmt: skip
        with (self.shared / "room.log").open("ab") as log:
            command = ["chroot", str(self.root), "env", *(f"{name}={value}" for name, value in settings.items())]
            return subprocess.Popen([*command, *words], stdout=log, stderr=subprocess.STDOUT)

    def run(self, *words: str) -> None:
        """Raises RoomError: the program failed."""
        if self.start(*words).wait() != 0:
            raise RoomError(f"{' '.join(words)} failed; {self.shared / 'room.log'} says why")

    def shoot(self, name: str) -> Path:
        """A picture of the whole screen."""
        self.run("import", "-window", "root", "+dither", "-colors", "256", f"PNG8:{self.shared / name}")
        return self.shared / name

    def point(self, x: int, y: int) -> None:
        self.run("xdotool", "mousemove", str(x), str(y))

    def click(self, x: int, y: int) -> None:
        """Pixels from the upper left corner."""
        self.run("xdotool", "mousemove", str(x), str(y), "sleep", "0.3", "click", "1")

    def key(self, name: str) -> None:
        """Press a key, by its name in X."""
        self.run("xdotool", "key", name)

    def write(self, text: str) -> None:
        """Type it, slowly enough for a search that begins anew with every letter."""
        self.run("xdotool", "type", "--delay", "300", text)

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(20)


@contextmanager
def entered(root: Path, shared: Path, number: int) -> Iterator[Screen]:
    """The room's screen, with `shared` in the room under its own name."""
    with _mounted(root, (shared,)):
        screen = Screen(root, shared, number)
        try:
            yield screen
        finally:
            screen.close()


@contextmanager
def _mounted(root: Path, folders: tuple[Path, ...]) -> Iterator[None]:
    with ExitStack() as stack:
        for words, place in [
            (("-t", "proc", "proc"), root / "proc"),
            *((("--bind", str(folder)), root / folder.relative_to("/")) for folder in folders),
        ]:
            place.mkdir(parents=True, exist_ok=True)
            _run("mount", *words, str(place))
            stack.callback(_run, "umount", "-l", str(place))
        yield


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise RoomError(f"{' '.join(words)[:80]}: {said[-1] if said else f'exit code {done.returncode}'}")
