"""Files carried to a worker elsewhere, and results carried back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipelines import speech_of
from served import Start

from imagintalk.errors import WorkerError
from imagintalk_server.client import Client, ClientError
from imagintalk_server.intake import Intake
from imagintalk_server.protocol import DONE, ClipRequest
from imagintalk_server.settings import Limits
from imagintalk_server.uploads import Uploads
from imagintalk_server.worker import Worker

CHUNK = 1000


@pytest.fixture
def worker(start: Start, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker that takes everybody for a client on another machine."""
    monkeypatch.setattr("imagintalk_server.worker.is_loopback", lambda host: host == "127.0.0.1" and not FAR)
    FAR.clear()
    found = start({"chunk_bytes": CHUNK, "upload_bytes": 50_000, "uploads_bytes": 60_000})
    FAR.append(True)
    return found


FAR: list[bool] = []


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    path = tmp_path / "footage.mp4"
    path.write_bytes(bytes(range(256)) * 40)
    return path


@pytest.fixture
def client(worker: Worker) -> Iterator[Client]:
    with Client(worker.address) as client:
        yield client


def test_there_and_back_with_checksums(client: Client, footage: Path, tmp_path: Path) -> None:
    assert not client.hello().local
    named = client.upload(footage)
    job = client.wait(client.submit(ClipRequest(named, voice=named, takes=2)))
    assert job.state == DONE
    for number, take in enumerate(client.result(job.id).takes):
        to = tmp_path / f"{number}.wav"
        client.download(job.id, take, to)
        assert to.read_bytes() == speech_of(footage, number)
        assert hashlib.sha256(to.read_bytes()).hexdigest() == take.sha256


def test_a_damaged_download_leaves_nothing(client: Client, worker: Worker, footage: Path, tmp_path: Path) -> None:
    job = client.wait(client.submit(ClipRequest(client.upload(footage))))
    take = client.result(job.id).takes[0]
    Path(take.path).write_bytes(b"x" * take.bytes)
    with pytest.raises(ClientError, match="expected SHA-256"):
        client.download(job.id, take, tmp_path / "take.wav")
    assert not list(tmp_path.glob("*take.wav*"))


def test_an_upload_goes_on_after_a_cut_and_is_not_sent_twice(client: Client, worker: Worker, footage: Path) -> None:
    sent: list[int] = []
    add = worker.uploads.add

    def counted(sha256: str, size: int, offset: int, chunk: bytes) -> int:
        sent.append(len(chunk))
        if len(sent) == 5:
            raise WorkerError("cut")
        return add(sha256, size, offset, chunk)

    worker.uploads.add = counted  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="cut"):
        client.upload(footage)
    client.upload(footage)
    size = footage.stat().st_size
    assert sum(sent) == size + CHUNK  # the one that was cut
    client.upload(footage)
    assert sum(sent) == size + CHUNK


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads", 1000, 1500, set)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(uploads: Uploads, content: bytes) -> Path:
    uploads.begin(digest(content), len(content))
    uploads.add(digest(content), len(content), 0, content)
    return uploads.find(f"upload:{digest(content)}")


def test_another_content_than_promised_is_thrown_away(uploads: Uploads) -> None:
    uploads.begin(digest(b"good"), 4)
    with pytest.raises(WorkerError, match="expected SHA-256"):
        uploads.add(digest(b"good"), 4, 0, b"evil")
    with pytest.raises(WorkerError, match="not uploaded"):
        uploads.find(f"upload:{digest(b'good')}")
    assert uploads.begin(digest(b"good"), 4) == 0


def test_an_upload_that_was_killed_before_it_had_its_name_is_whole(uploads: Uploads) -> None:
    (uploads.folder / f"{digest(b'good')}.part").write_bytes(b"good")
    assert uploads.begin(digest(b"good"), 4) == 4
    assert uploads.find(f"upload:{digest(b'good')}").read_bytes() == b"good"


def test_an_upload_that_was_killed_and_is_damaged_starts_anew(uploads: Uploads) -> None:
    (uploads.folder / f"{digest(b'good')}.part").write_bytes(b"evil")
    with pytest.raises(WorkerError, match="send it again"):
        uploads.begin(digest(b"good"), 4)
    assert uploads.begin(digest(b"good"), 4) == 0


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "a" * 63, "", "a" * 64 + "\n"])
def test_only_digests_name_uploads(uploads: Uploads, name: str) -> None:
    for call in (lambda: uploads.begin(name, 1), lambda: uploads.add(name, 1, 0, b"x"), lambda: uploads.find(name)):
        with pytest.raises(WorkerError, match="expected a SHA-256"):
            call()


def test_bytes_at_another_place_change_nothing(uploads: Uploads) -> None:
    name = digest(b"abcdef")
    uploads.begin(name, 6)
    assert uploads.add(name, 6, 3, b"def") == 0
    assert uploads.add(name, 6, 0, b"abc") == 3
    assert uploads.add(name, 6, 0, b"abc") == 3
    assert uploads.add(name, 6, 3, b"def") == 6
    assert uploads.find(f"upload:{name}").read_bytes() == b"abcdef"


def test_sizes_are_bounded(uploads: Uploads) -> None:
    with pytest.raises(WorkerError, match="expected 1 to 1000"):
        uploads.begin(digest(b"x"), 1001)
    uploads.begin(digest(b"x"), 1)
    with pytest.raises(WorkerError, match="expected up to 1 bytes"):
        uploads.add(digest(b"x"), 1, 0, b"xy")


def test_room_is_kept_for_what_is_on_its_way(uploads: Uploads) -> None:
    first, second = b"a" * 700, b"b" * 700
    uploads.begin(digest(first), 700)
    os.utime(uploads.folder / f"{digest(first)}.part", (1, 1))
    uploads.begin(digest(second), 700)
    uploads.begin(digest(b"c" * 700), 700)  # all three are more than may be: the first makes way
    assert not (uploads.folder / f"{digest(first)}.part").exists()
    assert uploads.add(digest(second), 700, 0, second[:300]) == 300
    os.utime(uploads.folder / f"{digest(b'c' * 700)}.part", (1, 1))  # the clock of files is too coarse for a test
    assert uploads.add(digest(first), 700, 0, first) == 700  # and comes back, in place of the one that sent nothing
    kept = {path.name for path in uploads.folder.iterdir()}
    assert kept == {digest(first), f"{digest(second)}.part"}


def test_long_files_are_told_apart_without_reading_them_whole(uploads: Uploads, tmp_path: Path) -> None:
    intake = Intake(uploads, (), "model", (), Limits())
    footage, copy = tmp_path / "footage.mov", tmp_path / "copy.mov"

    def content(path: Path) -> str:
        return intake.content_of(ClipRequest(str(path)), str(path), "auto")[1]

    with footage.open("wb") as file:
        file.truncate(2**40)  # takes no room, and an hour to read
    copy.touch()
    os.truncate(copy, 2**40)
    dates = footage.stat()
    os.utime(copy, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    first = content(footage)
    assert content(copy) == first
    with copy.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    os.utime(copy, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    assert content(copy) != first
    os.utime(footage, ns=(dates.st_atime_ns, dates.st_mtime_ns + 1))
    assert content(footage) != first


def test_the_oldest_upload_makes_way_but_none_that_a_job_needs(tmp_path: Path) -> None:
    needed: set[str] = set()
    uploads = Uploads(tmp_path / "uploads", 1000, 1500, lambda: needed)
    first, second = put(uploads, b"a" * 700), put(uploads, b"b" * 700)
    needed.add(str(first))
    put(uploads, b"c" * 700)
    assert first.exists()
    assert not second.exists()
    needed.add(str(tmp_path / "uploads" / digest(b"c" * 700)))
    with pytest.raises(WorkerError, match="no room"):
        uploads.begin(digest(b"d" * 700), 700)
