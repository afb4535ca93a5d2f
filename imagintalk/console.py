"""What commands show on the terminal: a progress bar and warnings, on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from imagintalk.types import Notify, Progress


@contextmanager
def progress_bar() -> Iterator[Notify]:
    """Give a `Notify` that shows the stage's name, the share done and the time left; silent where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console  # slow to import, needed only here
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    # A descriptor of its own: the face tracker silences the process' standard error while it works.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace") as terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(file=terminal), transient=True) as bar:
            task = bar.add_task("starting", total=1.0)

            def show(progress: Progress) -> None:
                bar.update(task, description=progress.stage, completed=progress.fraction)

            yield show


def warn(message: str) -> None:
    """One line on standard error."""
    print(f"warning: {message}", file=sys.stderr)
