"""Tables, on the screen and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

import rich.markup
import rich.table
from rich.console import Console

from imagintalk.errors import DataError


@dataclass(frozen=True)
class Table:
    """Cells of text under their headings. Raises DataError when a row has not as many cells as there are columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise DataError(f"{self.title}: expected {len(self.columns)} cells a row, got {len(row)}: {row}")

    def print_to(self, console: Console) -> None:
        """Show the table, as wide as the console allows."""
        shown = rich.table.Table(title=self.title, show_lines=True)
        for column in self.columns:
            shown.add_column(column)
        for row in self.rows:
            shown.add_row(*(rich.markup.escape(cell) for cell in row))
        console.print(shown)

    @property
    def markdown(self) -> str:
        """The title as a heading and the table below it."""
        lines = [f"## {self.title}", "", _line(self.columns), _line(tuple("---" for _ in self.columns))]
        return "\n".join([*lines, *(_line(row) for row in self.rows)]) + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
