"""External weights: fetched whole from a real server, or not at all."""

from __future__ import annotations

import functools
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imagintalk import external
from imagintalk.errors import Cancelled, OptionError, WeightsError
from imagintalk.external import EXTERNAL, External, ExternalFile, external_weights, fetch, weights_folder
from imagintalk.types import Progress

CONTENT = bytes(range(256)) * 20_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(external.platformdirs, "user_data_dir", lambda name: str(tmp_path / "home" / name))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def send_header(self, keyword: str, value: str) -> None:
            # A connection that breaks early is a promise of more bytes than come.
            more = keyword == "Content-Length" and "broken" in self.path
            super().send_header(keyword, str(int(value) + 5) if more else value)

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def enter(monkeypatch: pytest.MonkeyPatch, *files: ExternalFile, unpack: bool = False) -> None:
    monkeypatch.setitem(EXTERNAL, "toy", External("toy", "a toy", "CC0", "https://example.org/toy", files, unpack))


def quiet(progress: Progress) -> None:
    pass


def test_one_file_is_fetched_with_progress_and_checked(
    home: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    (folder / "toy.pt").write_bytes(CONTENT)
    enter(monkeypatch, ExternalFile("toy.pt", f"{address}/toy.pt", hashlib.sha256(CONTENT).hexdigest()[:8]))
    with pytest.raises(WeightsError, match="imagintalk weights fetch toy"):
        external_weights("toy")
    seen: list[float] = []
    path = fetch("toy", lambda progress: seen.append(progress.fraction))
    assert path == external_weights("toy") == weights_folder() / "toy" / "toy.pt" and path.read_bytes() == CONTENT
    assert len(seen) > 1 and seen == sorted(seen) and seen[-1] == 1
    (folder / "toy.pt").unlink()
    assert fetch("toy", quiet) == path


def test_several_files_and_archives_are_a_folder(
    home: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    for name in ("config.json", "weights.bin"):
        (folder / name).write_text(name, encoding="utf-8")
    enter(monkeypatch, *(ExternalFile(f"deep/{n}", f"{address}/{n}") for n in ("config.json", "weights.bin")))
    path = fetch("toy", quiet)
    assert path == weights_folder() / "toy" and (path / "deep" / "weights.bin").read_text() == "weights.bin"
    with zipfile.ZipFile(folder / "toy.zip", "w") as archive:
        archive.writestr("inner.onnx", "inner")
    monkeypatch.setattr(external.platformdirs, "user_data_dir", lambda name: str(home / "second"))
    enter(monkeypatch, ExternalFile("toy.zip", f"{address}/toy.zip"), unpack=True)
    path = fetch("toy", quiet)
    assert [p.name for p in path.iterdir()] == ["inner.onnx"]


@pytest.mark.parametrize(
    ("name", "sha256", "unpack", "reason"),
    [
        ("toy.pt", "00", False, "expected SHA-256 00, got"),
        ("absent.pt", None, False, "HTTP 404"),
        ("broken.pt", None, False, "the connection broke"),
        ("toy.pt", None, True, "expected a zip archive"),
    ],
)
def test_a_bad_download_leaves_nothing(
    name: str,
    sha256: str | None,
    unpack: bool,
    reason: str,
    home: Path,
    server: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, address = server
    for served in ("toy.pt", "broken.pt"):
        (folder / served).write_bytes(CONTENT)
    enter(monkeypatch, ExternalFile(name, f"{address}/{name}", sha256), unpack=unpack)
    with pytest.raises(WeightsError, match=reason):
        fetch("toy", quiet)
    assert list(weights_folder().iterdir()) == []


def test_without_network_says_where_to_put_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, ExternalFile("toy.pt", "http://127.0.0.1:1/toy.pt"))
    with pytest.raises(WeightsError, match="cannot be downloaded.*check network") as error:
        fetch("toy", quiet)
    assert str(weights_folder() / "toy" / "toy.pt") in str(error.value)


def test_cancel_stops_the_download_and_leaves_nothing(
    home: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    (folder / "toy.pt").write_bytes(CONTENT)
    enter(monkeypatch, ExternalFile("toy.pt", f"{address}/toy.pt"))

    def cancel(progress: Progress) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        fetch("toy", cancel)
    assert list(weights_folder().iterdir()) == []


def test_weights_without_a_direct_download_and_unknown_ones(home: Path) -> None:
    with pytest.raises(WeightsError, match="no direct download of what.*export it to ONNX.*poster2.onnx.*POSTER_V2"):
        fetch("poster2-onnx", quiet)
    with pytest.raises(OptionError, match="expected one of.*hubert"):
        fetch("hubber", quiet)
    with pytest.raises(OptionError):
        external_weights("hubber")


def test_the_register_is_whole() -> None:
    assert set(EXTERNAL) == {
        "encodec-24khz", "hubert", "buffalo_l", "facenet", "poster2-onnx", "av-hubert",
    }  # fmt: skip
    for entry in EXTERNAL.values():
        assert entry.files and entry.role and entry.licence and entry.page.startswith("https://")
        assert all(file.url is None or file.url.startswith("https://") for file in entry.files)
    assert [name for name, entry in EXTERNAL.items() if entry.verified] == ["encodec-24khz"]


def test_encodec_is_the_file_that_the_package_names() -> None:
    source = Path(__import__("encodec").__file__).with_name("model.py").read_text(encoding="utf-8")
    assert f"'{EXTERNAL['encodec-24khz'].files[0].name}'" in source
