"""The worker's process: where its program is, and starting it. Nothing of Blender's in here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from .link import Put
from .news import Started, StartFailed
from .worker_api import ClientError

_START_S = 90.0
HOW_TO_INSTALL = "install ImaginTalk beside Blender (see its README) and set the path of its Python in the preferences"


def default_state() -> Path:
    """Where `imagintalk worker start` leaves its address, by the conventions of each system."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "imagintalk" / "worker"


def find_program(python: str) -> list[str]:
    """Words that start `imagintalk`. python: path of the Python that has it; empty: look for it.

    It is looked for on PATH, and beside the Python that runs Blender as a module. Raises ClientError.
    """
    if python:
        if not os.access(python, os.X_OK) or Path(python).is_dir():
            raise ClientError(f"{python}: expected the Python that has ImaginTalk; set its path in the preferences")
        return [python, "-P", "-m", "imagintalk"]
    found = shutil.which("imagintalk") or shutil.which("imagintalk", path=str(Path(sys.executable).parent))
    if found is None:
        raise ClientError(f"no `imagintalk` is on PATH: {HOW_TO_INSTALL}")
    return [found]


def start_worker(program: list[str], state: Path, put: Put) -> None:
    """Start it in the background, in a session of its own that outlives Blender. Started or StartFailed follows."""

    def run() -> None:
        command = [*program, "worker", "start", "--background", "--state", str(state)]
        # Blender's own Python must not be what the worker's Python takes its modules from.
        clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_START_S,
                env=clean,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            put(StartFailed(f"{program[0]}: {error.strerror}; {HOW_TO_INSTALL}"))
        except subprocess.TimeoutExpired:
            put(StartFailed(f"the worker did not start within {_START_S:g} s; see {state / 'start.log'}"))
        else:
            if done.returncode:
                said = done.stderr.strip().splitlines()
                words = said[-1].removeprefix("imagintalk: ") if said else f"exit code {done.returncode}"
                put(StartFailed(f"the worker did not start: {words}"))
            else:
                put(Started())

    threading.Thread(target=run, name="imagintalk start", daemon=True).start()
