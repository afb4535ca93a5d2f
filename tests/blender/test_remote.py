"""A worker on another machine: behind TLS, clips carried there and takes carried back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import pytest
from editing import put, span, takes_of
from films import Film
from workers import PYTHON, Served


def certificates(folder: Path, state: Path) -> Path:
    """Both ends' for a worker that keeps its token in `state`."""
    words = ["certificates", "-o", str(folder), "--host", "localhost", "--state", str(state)]
    subprocess.run([PYTHON, "-m", "imagintalk", "worker", *words], check=True, capture_output=True)
    return folder


@pytest.fixture
def remote(addon: Any, tmp_path: Path) -> Iterator[Served]:
    """A worker that listens with certificates, and preferences that name it."""
    folder = certificates(tmp_path / "certificates", tmp_path / "elsewhere")
    served = Served(tmp_path / "elsewhere", folder / "server")
    chosen = addon.preferences
    bpy.context.preferences.system.use_online_access = True
    chosen.host, chosen.port, chosen.certificates = "localhost", served.port, str(folder / "client")
    chosen.where = "REMOTE"
    yield served
    served.stop()
    bpy.context.preferences.system.use_online_access = False


def test_a_clip_goes_there_and_its_take_comes_back(
    addon: Any, remote: Served, scene: Any, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is on this machine; the client is told that it is not, so that nothing is read where it lies."""
    link = addon.part("link").Link
    client = link.client

    def elsewhere(self: Any, seconds: float) -> Any:
        found = client(self, seconds)
        return None if found is None else (found[0], replace(found[1], local=False))

    monkeypatch.setattr(link, "client", elsewhere)
    addon.beat(lambda: addon.session.worker == "ready")
    strip = put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.finish()
    assert [span(addon, take) for take in takes_of(addon, scene)] == [span(addon, strip)]
    uploads = list((remote.state / "uploads").iterdir())
    assert [path.stat().st_size for path in uploads] == [film().stat().st_size]
    remote.stop()
    addon.beat(lambda: addon.session.worker == "no worker")
    with pytest.raises(RuntimeError, match="must be started there"):
        bpy.ops.imagintalk.start_worker()


def test_certificates_of_somebody_else_are_told(addon: Any, remote: Served, scene: Any, tmp_path: Path) -> None:
    other = certificates(tmp_path / "others", tmp_path / "elsewhere")
    addon.preferences.certificates = str(other / "client")
    addon.beat(lambda: "CERTIFICATE_VERIFY_FAILED" in addon.session.last_words)
    assert addon.session.worker == "no worker"
