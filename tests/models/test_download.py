"""A download is whole and right, or goes on later."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from web import Web

from imagintalk.download import download
from imagintalk.errors import Cancelled, OptionError, WeightsError

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = bytes(reversed(CONTENT))


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def quiet(done: int) -> None:
    pass


def broken(served: Web, path: Path, sha256: str | None = SHA256) -> None:
    """The first third comes."""
    served.files = {"file": CONTENT}
    served.break_after = 1_000_000
    with pytest.raises(WeightsError, match="the connection broke after 1000000; pull it again to go on"):
        download(f"{served.address}/file", path, sha256, quiet)
    served.break_after = None
    assert path.with_name("file.part").read_bytes() == CONTENT[:1_000_000]


def test_a_file_comes_whole_and_tells_how_far_it_is(served: Web, tmp_path: Path) -> None:
    served.files = {"file": CONTENT}
    seen: list[int] = []
    download(f"{served.address}/file", tmp_path / "file", SHA256, seen.append)
    assert seen == sorted(seen) and seen[-1] == len(CONTENT) and len(seen) > 3
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_what_broke_goes_on_where_it_stopped(sha256: str | None, served: Web, tmp_path: Path) -> None:
    broken(served, tmp_path / "file", sha256)
    seen: list[int] = []
    download(f"{served.address}/file", tmp_path / "file", sha256, seen.append)
    assert served.asked[-1] == ("file", "bytes=1000000-") and seen[0] == 1_000_000
    assert (tmp_path / "file").read_bytes() == CONTENT and len(list(tmp_path.iterdir())) == 1


def test_a_server_without_ranges_begins_anew(served: Web, tmp_path: Path) -> None:
    broken(served, tmp_path / "file")
    served.ranges = False
    download(f"{served.address}/file", tmp_path / "file", SHA256, quiet)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_version_of_the_file_is_never_joined_to_the_first(served: Web, tmp_path: Path) -> None:
    broken(served, tmp_path / "file", None)
    served.files = {"file": OTHER}
    download(f"{served.address}/file", tmp_path / "file", None, quiet)
    assert (tmp_path / "file").read_bytes() == OTHER


def test_without_a_mark_only_a_checksum_lets_it_go_on(served: Web, tmp_path: Path) -> None:
    served.marks = False
    broken(served, tmp_path / "file", None)
    served.files = {"file": OTHER}
    download(f"{served.address}/file", tmp_path / "file", None, quiet)
    assert served.asked[-1] == ("file", "") and (tmp_path / "file").read_bytes() == OTHER


def test_a_part_that_is_all_of_it_needs_no_more(served: Web, tmp_path: Path) -> None:
    served.files = {"file": CONTENT}
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(f"{served.address}/file", tmp_path / "file", SHA256, quiet)
    assert (tmp_path / "file").read_bytes() == CONTENT
    (tmp_path / "longer.part").write_bytes(CONTENT + b"more")
    download(f"{served.address}/file", tmp_path / "longer", SHA256, quiet)
    assert (tmp_path / "longer").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(served: Web, tmp_path: Path) -> None:
    served.files = {"file": OTHER}
    with pytest.raises(WeightsError, match=f"expected SHA-256 {SHA256}, got {hashlib.sha256(OTHER).hexdigest()}"):
        download(f"{served.address}/file", tmp_path / "file", SHA256, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_disk_has_no_room_for_is_not_begun(served: Web, tmp_path: Path) -> None:
    served.files, served.claims = {"file": CONTENT}, 10**18
    with pytest.raises(WeightsError, match="expected room for 1000000000003.0 MB"):
        download(f"{served.address}/file", tmp_path / "file", None, quiet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_up_is_told(served: Web, tmp_path: Path) -> None:
    served.files = {"file": CONTENT}
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(WeightsError, match="file: no space left on the disk; free some and pull it again to go on"):
        download(f"{served.address}/file", tmp_path / "file", None, quiet)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("address", "error", "says"),
    [
        ("{}/absent", WeightsError, "expected a file, got HTTP 404"),
        ("http://127.0.0.1:1/file", WeightsError, "cannot be downloaded .*check the network"),
        ("file:///etc/passwd", OptionError, "expected an address that begins with https://"),
    ],
)
def test_addresses_that_give_nothing(
    address: str, error: type[Exception], says: str, served: Web, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        download(address.format(served.address), tmp_path / "file", None, quiet)
    assert list(tmp_path.iterdir()) == []


def test_who_watches_may_stop_it_and_it_goes_on(served: Web, tmp_path: Path) -> None:
    served.files = {"file": CONTENT}

    def stop(done: int) -> None:
        if done > 500_000:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        download(f"{served.address}/file", tmp_path / "file", SHA256, stop)
    download(f"{served.address}/file", tmp_path / "file", SHA256, quiet)
    assert served.asked[-1][1].startswith("bytes=") and (tmp_path / "file").read_bytes() == CONTENT


def test_ctrl_c_keeps_the_part(served: Web, tmp_path: Path) -> None:
    """In a process of its own."""
    served.files, served.pause_s = {"file": CONTENT}, 0.2
    code = "import sys; from imagintalk.download import download; from pathlib import Path\n"
    code += "download(sys.argv[1], Path(sys.argv[2]), sys.argv[3], lambda done: None)"
    path, part = tmp_path / "file", tmp_path / "file.part"
    process = subprocess.Popen([sys.executable, "-c", code, f"{served.address}/file", path, SHA256], stderr=-3)
    try:
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    finally:
        process.kill()
    assert not path.exists() and 0 < part.stat().st_size < len(CONTENT)
    served.pause_s = 0
    download(f"{served.address}/file", path, SHA256, quiet)
    assert served.asked[-1][1] != "" and path.read_bytes() == CONTENT
