"""What every unit gave, a JSON line each, so that a run goes on where it stopped and tables are drawn again at will."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from imagintalk.errors import DataError, OptionError, OutputError
from imagintalk.experiments.experiment import Figures, Row

_ABOUT, _COMMAND = "about", "command"


class Records:
    """A file of rows, and of lines that say what they are of."""

    def __init__(self, path: Path) -> None:
        """Reads what is there; a last line that was cut off is left out. Raises DataError where it is not our file."""
        self.path = path
        self.about: dict[str, Any] = {}
        self.command = ""
        self.rows: list[Row] = []
        if path.exists():
            self._read(path.read_text(encoding="utf-8").splitlines())

    def begin(self, about: dict[str, Any], command: str) -> None:
        """Say what the next rows are of, and the command that makes them.

        Raises OptionError where older rows are of something else, OutputError.
        """
        if self.about and self.about != about:
            other = ", ".join(sorted(k for k in about | self.about if about.get(k) != self.about.get(k)))
            raise OptionError(
                f"{self.path}: holds results of another {other}; measure anew with --fresh, or choose another --output"
            )
        self.about, self.command = about, command
        self._append({_ABOUT: about, _COMMAND: command})

    def has(self, clip: str, setting: str) -> bool:
        """Whether this unit was measured."""
        return any(row["clip"] == clip and row["setting"] == setting for row in self.rows)

    def add(self, clip: str, setting: str, figures: Figures) -> None:
        """Keep a unit. Raises OutputError."""
        row = {"clip": clip, "setting": setting, **{name: _plain(value) for name, value in figures.items()}}
        self.rows.append(row)
        self._append(row)

    def whole(self) -> list[Row]:
        """Rows of the clips that have all settings: an unbroken run has them all, a broken one not of its last clip."""
        counts: dict[str, int] = {}
        for row in self.rows:
            counts[row["clip"]] = counts.get(row["clip"], 0) + 1
        return [row for row in self.rows if counts[row["clip"]] == max(counts.values())]

    def _read(self, lines: list[str]) -> None:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if _ABOUT in row:
                    self.about, self.command = row[_ABOUT], row[_COMMAND]
                else:
                    self.rows.append({"clip": row["clip"], "setting": row["setting"], **row})
            except (ValueError, TypeError, KeyError) as error:
                if number < len(lines):
                    raise DataError(
                        f"{self.path}:{number}: expected a row of an experiment ({error}); measure anew with --fresh"
                    ) from None
                self._rewrite(lines[:-1])

    def _rewrite(self, lines: list[str]) -> None:
        self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _append(self, row: dict[str, Any]) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror}); choose another --output") from None


def _plain(value: Any) -> Any:
    """JSON has no NaN, and six digits are enough."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
