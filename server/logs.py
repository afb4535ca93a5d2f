"""The worker's log: one line of JSON for each thing that happened."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("imagintalk.worker")
LOG_FILE = "worker.log"
_FILE_BYTES, _FILES = 8 << 20, 3


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_up_logs(state: Path, screen: bool) -> None:
    """Write to `worker.log` in the state folder (rotated, three files of 8 MB), and to standard error."""
    handlers: list[logging.Handler] = [
        RotatingFileHandler(state / LOG_FILE, maxBytes=_FILE_BYTES, backupCount=_FILES - 1, encoding="utf-8")
    ]
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
