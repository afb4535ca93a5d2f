"""Files that clients on other machines bring: in chunks, by content, resumed where they were cut."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path

from imagintalk.errors import WorkerError

from .protocol import UPLOADED

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = ".part"


class Uploads:
    """A folder of files named by their SHA-256. Safe for threads."""

    def __init__(self, folder: Path, file_bytes: int, total_bytes: int, in_use: Callable[[], set[str]]) -> None:
        """file_bytes, total_bytes: bounds of one and of all. in_use: paths that may not be dropped."""
        self.folder, self._file_bytes, self._total_bytes, self._in_use = folder, file_bytes, total_bytes, in_use
        self._promised: dict[str, int] = {}
        """Bytes that the files which are on their way will have, by SHA-256: their room is kept for them."""
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, sha256: str, size: int) -> int:
        """How many bytes of the file are here already; `size`: all, nothing to send. Raises WorkerError."""
        if not 0 < size <= self._file_bytes:
            raise WorkerError(f"upload of {size} bytes; expected 1 to {self._file_bytes}")
        with self._lock:
            whole = self._place(sha256)
            if whole.exists():
                whole.touch()  # so that it is not the oldest
                return size
            self._reserve(sha256, size)
            have = self._have(sha256)
            if have >= size:  # killed between the last byte and the name; or it is more than was promised
                self._finish(sha256, self._part(sha256), whole)
            return have

    def add(self, sha256: str, size: int, offset: int, chunk: bytes) -> int:
        """Take the next bytes; how many are here then. Those at another offset than the end change nothing.

        Raises WorkerError: more than `size`, or the whole has another checksum (it is thrown away).
        """
        with self._lock:
            whole = self._place(sha256)
            if whole.exists():
                return size
            have = self._have(sha256)
            if offset != have:
                return have
            self._reserve(sha256, size)
            if not chunk or have + len(chunk) > min(size, self._file_bytes):
                raise WorkerError(f"upload: expected up to {size - have} bytes at {have}, got {len(chunk)}")
            part = self._part(sha256)
            with part.open("ab") as file:
                file.write(chunk)
            if have + len(chunk) == size:
                self._finish(sha256, part, whole)
            return have + len(chunk)

    def find(self, path: str) -> Path:
        """The file of an `upload:` path. Raises WorkerError: not here, or not whole."""
        place = self._place(path.removeprefix(UPLOADED))
        if not place.is_file():
            raise WorkerError(f"{path}: is not uploaded, or no longer kept; upload it again")
        return place

    def _finish(self, sha256: str, part: Path, whole: Path) -> None:
        self._promised.pop(sha256, None)
        with part.open("rb") as file:
            came = hashlib.file_digest(file, "sha256").hexdigest()
        if came != sha256:
            part.unlink()
            raise WorkerError(f"upload: expected SHA-256 {sha256}, got {came}; send it again")
        part.rename(whole)

    def _place(self, sha256: str) -> Path:
        if not _DIGEST.fullmatch(sha256):
            raise WorkerError(f"upload: expected a SHA-256 of 64 hex digits, got {sha256!r:.80}")
        return self.folder / sha256

    def _part(self, sha256: str) -> Path:
        return self.folder / f"{sha256}{_PART}"

    def _have(self, sha256: str) -> int:
        part = self._part(sha256)
        return part.stat().st_size if part.exists() else 0

    def _reserve(self, sha256: str, size: int) -> None:
        """Room for a file, unless it has it already; what waited for longest makes way. Raises WorkerError: none."""
        if self._promised.get(sha256) == size:
            return
        others = [path for path in self.folder.iterdir() if path.stem != sha256]
        others.sort(key=lambda path: path.stat().st_mtime)
        sizes = {path: max(path.stat().st_size, self._promised.get(path.stem, 0)) for path in others}
        total = sum(sizes.values()) + size
        in_use = self._in_use()
        for path in others:
            if total > self._total_bytes and str(path) not in in_use:
                total -= sizes[path]
                self._promised.pop(path.stem, None)
                path.unlink()
        if total > self._total_bytes:
            raise WorkerError("the worker has no room for more uploads; try again when its jobs are done")
        self._part(sha256).touch()
        self._promised[sha256] = size
