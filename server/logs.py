"""The worker's log: one line of JSON for each thing that happened."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("imagintalk.worker")
LOG_FILE = "worker.log"
OLD_LOG_FILE = f"{LOG_FILE}.1"
_FILE_BYTES = 16 << 20


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _Rotated(logging.Handler):
    """A file that makes way for a new one when it is full.

    logging's own asks the system for the file's kind and length at every line, which took a fifth of the parent's time.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__()
        self._path, self._most_bytes = path, most_bytes
        self._open()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._bytes = self._file.tell()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = f"{self.format(record)}\n".encode()
            if self._bytes and self._bytes + len(line) > self._most_bytes:
                self._file.close()
                self._path.replace(self._path.with_name(OLD_LOG_FILE))
                self._open()
            self._bytes += self._file.write(line)
        except Exception:  # noqa: BLE001 - a full disk ends no job
            self.handleError(record)

    def close(self) -> None:
        self._file.close()
        super().close()


def set_up_logs(state: Path, screen: bool, most_bytes: int = _FILE_BYTES) -> None:
    """Write to `worker.log` in the state folder, and to standard error. most_bytes: of it and of the one before."""
    handlers: list[logging.Handler] = [_Rotated(state / LOG_FILE, most_bytes)]
    if screen:
        handlers.append(logging.StreamHandler(sys.stderr))
    for old in LOGGER.handlers[:]:
        LOGGER.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.setFormatter(_Line())
        LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def note(event: str, **fields: Any) -> None:
    """One line at level info."""
    LOGGER.info(event, extra={"fields": fields})


def warn(event: str, **fields: Any) -> None:
    """One line at level warning: somebody should look at it."""
    LOGGER.warning(event, extra={"fields": fields})


def fault(event: str, **fields: Any) -> None:
    """One line with the traceback of the exception at hand: a fault of the program."""
    LOGGER.exception(event, extra={"fields": fields})
