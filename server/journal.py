"""The journal: every job and every kept result in one SQLite file, so that a killed worker forgets nothing.

Write-ahead log with `synchronous=NORMAL`: a commit survives the death of the process at once, and a loss of power to
the last few; the file is never torn. One connection, guarded by its owner's lock.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from imagintalk.errors import WorkerError

from .protocol import FINISHED, QUEUED, RUNNING

_VERSION = 1
_LOG_PAGES = 8000
"""Of 4 kB in the write-ahead log, after which it is folded into the file: that waits for the disk, so not too often."""
_SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_key TEXT UNIQUE,
    state TEXT NOT NULL,
    priority INTEGER NOT NULL,
    request TEXT NOT NULL,
    path TEXT NOT NULL,
    voice TEXT NOT NULL,
    clip TEXT NOT NULL,
    content TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '[]',
    crashes INTEGER NOT NULL DEFAULT 0,
    cached INTEGER NOT NULL DEFAULT 0,
    created_s REAL NOT NULL,
    started_s REAL,
    finished_s REAL
);
CREATE INDEX jobs_by_clip ON jobs (clip) WHERE crashes > 0;
CREATE TABLE results (
    content TEXT PRIMARY KEY,
    outcome TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used_s REAL NOT NULL
);
"""


class JournalError(WorkerError):
    """The disk does not take what the journal writes."""


@dataclass
class JobRow:
    """A job as the journal has it. Times are seconds since 1970, UTC."""

    id: int
    client_key: str | None
    state: str
    priority: int
    request: str
    """The packed `ClipRequest` as JSON."""
    path: str
    """Of the clip, found and allowed."""
    voice: str
    """As the pipeline takes it: a word or a path."""
    clip: str
    """Digest of the clip's bytes and range."""
    content: str
    """Digest of all that the result depends on."""
    reason: str
    notes: str
    """JSON list of sentences."""
    crashes: int
    """How often this job ended the process that worked on it."""
    cached: int
    created_s: float
    started_s: float | None
    finished_s: float | None


_COLUMNS = tuple(field.name for field in fields(JobRow))
_NEW = tuple(name for name in _COLUMNS if name != "id")


class Journal:
    """One open journal."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises WorkerError: made by a newer program, damaged, or (JournalError) no room to write."""
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
            self._set_up(path)
        except sqlite3.OperationalError as error:
            raise self._unwritten(error) from None
        except sqlite3.DatabaseError as error:
            raise WorkerError(f"{path}: the worker's journal cannot be read ({error}); move it away") from None

    def _set_up(self, path: Path) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            with self.transaction():
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version={_VERSION}")
        elif found != _VERSION:
            raise WorkerError(f"{path}: expected a journal of format {_VERSION}, got {found}; update the program")

    def close(self) -> None:
        """Also folds the write-ahead log into the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in the block appears together, or not at all. Raises JournalError."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back where the disk is full
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise self._unwritten(error) from None

    def _unwritten(self, error: sqlite3.OperationalError) -> JournalError:
        return JournalError(
            f"{self._path}: the worker's journal cannot be written ({error}); make room on its disk and start again"
        )

    def add(self, row: JobRow) -> None:
        """Enter a new job and give the row its id."""
        marks = ", ".join("?" * len(_NEW))
        values = [getattr(row, name) for name in _NEW]
        cursor = self._connection.execute(f"INSERT INTO jobs ({', '.join(_NEW)}) VALUES ({marks})", values)
        assert cursor.lastrowid is not None
        row.id = cursor.lastrowid

    def save(self, row: JobRow) -> None:
        """Write what may change of a job."""
        self._connection.execute(
            "UPDATE jobs SET state=?, reason=?, notes=?, crashes=?, cached=?, started_s=?, finished_s=? WHERE id=?",
            (row.state, row.reason, row.notes, row.crashes, row.cached, row.started_s, row.finished_s, row.id),
        )

    def job(self, job: int) -> JobRow | None:
        """None: there is no such job."""
        return next(self._rows("WHERE id=?", (job,)), None)

    def job_of_key(self, client_key: str) -> JobRow | None:
        """The job that a client named so; None: there is none."""
        return next(self._rows("WHERE client_key=?", (client_key,)), None)

    def unfinished(self) -> list[JobRow]:
        """Queued and running jobs, oldest first."""
        return list(self._rows("WHERE state IN (?, ?) ORDER BY id", (QUEUED, RUNNING)))

    def latest(self, limit: int, states: Sequence[str] = ()) -> list[JobRow]:
        """The newest jobs, newest first; `states`: only of these."""
        chosen = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        return list(self._rows(f"{chosen} ORDER BY id DESC LIMIT ?", (*states, limit)))

    def crashes_of(self, clip: str) -> int:
        """How often this clip has ended the process that worked on it, by the jobs that are remembered."""
        found = self._connection.execute("SELECT SUM(crashes) FROM jobs WHERE clip=? AND crashes > 0", (clip,))
        return int(found.fetchone()[0] or 0)

    def clear_crashes(self, clip: str) -> None:
        """The clip went well, so what happened before was not its fault."""
        self._connection.execute("UPDATE jobs SET crashes=0 WHERE clip=? AND crashes > 0", (clip,))

    def forget(self, job: int) -> None:
        """Remove a job."""
        self._connection.execute("DELETE FROM jobs WHERE id=?", (job,))

    def forget_old(self, keep: int) -> None:
        """Remove finished jobs but the newest `keep`. A clip that is refused goes on being refused meanwhile."""
        self._connection.execute(
            "DELETE FROM jobs WHERE state IN (?, ?, ?) AND id <="
            " (SELECT id FROM jobs WHERE state IN (?, ?, ?) ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (*FINISHED, *FINISHED, keep),
        )

    def save_result(self, content: str, outcome: dict[str, Any], size: int, now_s: float) -> None:
        """Enter a result."""
        self._connection.execute("INSERT INTO results VALUES (?, ?, ?, ?)", (content, json.dumps(outcome), size, now_s))

    def result(self, content: str) -> dict[str, Any] | None:
        """None: there is none, or no longer."""
        found = self._connection.execute("SELECT outcome FROM results WHERE content=?", (content,)).fetchone()
        return None if found is None else dict(json.loads(found[0]))

    def touch_result(self, content: str, now_s: float) -> None:
        """Somebody asked for it."""
        self._connection.execute("UPDATE results SET used_s=? WHERE content=?", (now_s, content))

    def results(self) -> list[tuple[str, int]]:
        """Content and bytes of each result, the one unused for longest first."""
        return [
            (str(c), int(b)) for c, b in self._connection.execute("SELECT content, bytes FROM results ORDER BY used_s")
        ]

    def drop_results(self, contents: Iterable[str]) -> None:
        """Remove results."""
        self._connection.executemany("DELETE FROM results WHERE content=?", [(content,) for content in contents])

    def _rows(self, rest: str, values: Sequence[Any]) -> Iterator[JobRow]:
        for row in self._connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM jobs {rest}", values):
            yield JobRow(*row)


def facts_of(row: JobRow) -> dict[str, Any]:
    """A job for a log line: without the request."""
    return {name: getattr(row, name) for name in ("id", "state", "priority", "clip", "reason", "crashes", "cached")}
