"""The extension's tests in each Blender that it is tested in: `nox`, or `nox -s bpy-4.3`; see tests/blender.

A process can hold one bpy, and old ones were built against numpy 1, so each has an environment of its own. The worker
runs in the one that `pip install -c constraints.txt -e '.[dev]'` made: .venv, or else the one that nox runs in.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

HERE = Path(__file__).resolve().parent
VERSIONS = {"4.3": "4.3.0", "4.5": "4.5.15", "5.0": "5.0.1"}
_PACKAGES = ("numpy<2", "av", "hypothesis", "pytest", "rpyc==6.0.2", "soundfile")

nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True


def _test_in(session: nox.Session, version: str) -> None:
    session.install("-q", f"bpy=={VERSIONS[version]}", *_PACKAGES)
    own = HERE / ".venv" / "bin" / "python"
    worker = str(own) if own.exists() else sys.executable
    session.run(worker, str(HERE / "addon" / "build.py"), external=True)
    (archive,) = (HERE / "dist").glob("imagintalk-*.zip")
    env = {"IMAGINTALK_WORKER_PYTHON": worker, "IMAGINTALK_ZIP": str(archive)}
    files = session.posargs or sorted((HERE / "tests" / "blender").glob("test_*.py"))
    for file in files:  # a process for each, because bpy may take it down
        session.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file), env=env)


@nox.session(name="bpy-4.3", python="3.11")
def bpy_4_3(session: nox.Session) -> None:
    """Also stands for 4.2, whose bpy knows no sound."""
    _test_in(session, "4.3")


@nox.session(name="bpy-4.5", python="3.11")
def bpy_4_5(session: nox.Session) -> None:
    _test_in(session, "4.5")


@nox.session(name="bpy-5.0", python="3.11")
def bpy_5_0(session: nox.Session) -> None:
    _test_in(session, "5.0")
