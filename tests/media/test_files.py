"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from imagintalk.errors import OutputError
from imagintalk.media.files import whole_file


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    with whole_file(out) as partial:
        assert (partial.parent, partial.suffix) == (out.parent, out.suffix)
        partial.write_bytes(b"half")
        assert not out.exists()
    assert out.read_bytes() == b"half"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError, SystemExit, GeneratorExit])
def test_an_older_file_stays_when_writing_fails(tmp_path: Path, failure: type[BaseException]) -> None:
    out = tmp_path / "x.wav"
    out.write_bytes(b"older")

    def write() -> None:
        with whole_file(out) as partial:
            partial.write_bytes(b"half")
            raise failure

    with pytest.raises(failure):
        write()
    assert out.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "cannot be written"),
    ],
)
def test_what_the_disk_refuses_is_said_in_words(tmp_path: Path, number: int, words: str) -> None:
    out = tmp_path / "x.wav"

    def write() -> None:
        with whole_file(out) as partial:
            partial.write_bytes(b"half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError, match=rf"x\.wav: .*{words}"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    for out, words in ((tmp_path / "none" / "x.wav", "no folder"), (tmp_path, "is a folder")):
        with pytest.raises(OutputError, match=words), whole_file(out):
            pytest.fail("the block must not run")


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="no permission"), whole_file(tmp_path / "x.wav"):
        pytest.fail("the block must not run")
    tmp_path.chmod(0o700)


def test_long_names_fit(tmp_path: Path) -> None:
    out = tmp_path / ("n" * 250 + ".wav")
    with whole_file(out) as partial:
        partial.write_bytes(b"x")
    assert out.read_bytes() == b"x"
