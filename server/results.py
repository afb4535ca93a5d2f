"""Finished results on disk, by content: the cache, and what clients read.

A result is a folder named by its content's digest. It is filled elsewhere and moved here whole, then entered in the
journal; whatever the journal does not know is swept away when the worker starts.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from .journal import Journal


class Results:
    """Bounded in bytes; the one unused for longest goes first. Guarded by its owner's lock."""

    def __init__(self, folder: Path, journal: Journal, limit_bytes: int) -> None:
        self.folder, self._journal, self.limit_bytes = folder, journal, limit_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self.total_bytes = self._sweep()

    def _sweep(self) -> int:
        """Make disk and journal agree after a crash; gives the bytes that are kept."""
        known = dict(self._journal.results())
        there = {path.name for path in self.folder.iterdir()}
        for name in there - known.keys():
            shutil.rmtree(self.folder / name, ignore_errors=True)
        with self._journal.transaction():
            self._journal.drop_results(known.keys() - there)
        return sum(size for content, size in known.items() if content in there)

    def find(self, content: str) -> dict[str, Any] | None:
        """What was kept for this content; None: nothing. Counts as a use."""
        outcome = self._journal.result(content)
        if outcome is None:
            return None
        if not all((self.folder / content / file["name"]).is_file() for file in outcome["files"]):
            self._drop(content, sum(file["bytes"] for file in outcome["files"]))  # somebody else tidied up
            return None
        self._journal.touch_result(content, time.time())
        return outcome

    def move_in(self, content: str, made: Path) -> None:
        """Move a finished folder into its place. The caller enters it with `enter` in the transaction that follows."""
        place = self.folder / content
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)

    def enter(self, content: str, outcome: dict[str, Any]) -> None:
        """Write it into the journal. Inside of a transaction."""
        size = sum(file["bytes"] for file in outcome["files"])
        self.total_bytes += size
        self._journal.save_result(content, outcome, size, time.time())

    def evict(self, keep: str) -> list[str]:
        """Remove old results until the bound holds, never `keep`. Gives what went. Outside of a transaction."""
        gone = []
        if self.total_bytes > self.limit_bytes:
            for content, size in self._journal.results():
                if self.total_bytes <= self.limit_bytes:
                    break
                if content != keep:
                    self._drop(content, size)
                    gone.append(content)
        return gone

    def _drop(self, content: str, size: int) -> None:
        self._journal.drop_results([content])
        self.total_bytes -= size
        shutil.rmtree(self.folder / content, ignore_errors=True)
