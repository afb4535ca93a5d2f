"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagintalk.errors import OutputError

_LONGEST_STEM = 100
"""Most file systems allow 255 bytes a name; the temporary one is a little longer than the final one."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, with the same suffix, that becomes `path` when the block ends well.

    On any exception, Ctrl-C included, the temporary file is removed and an older file at `path` stays as it was.
    Raises OutputError, in words, for a missing folder, no permission, no space and every other OSError in the block.
    """
    path = Path(path)
    partial = path.with_name(f".{path.stem[:_LONGEST_STEM]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        check_place(path)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"{path}: {_in_words(path, error)}") from error
    finally:
        partial.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Raises OutputError where a file `path` cannot be written: a folder, no folder around it, no permission."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file to write")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first or choose another")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write in {path.parent}; choose another folder")


def _in_words(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the disk; free some or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission to write in {path.parent}; choose another folder"
    return f"cannot be written ({error.strerror or error}); choose another folder"
