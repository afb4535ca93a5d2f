"""Runs the units of an experiment that are not there yet, and writes what a reader sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imagintalk.errors import ClipError, DataError, FaceError
from imagintalk.experiments.charts import draw_panels
from imagintalk.experiments.experiment import Experiment, Report
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.records import Records
from imagintalk.media.files import whole_file
from imagintalk.types import Notify, Progress


def run_units(experiment: Experiment, lab: Lab, clips: int, records: Records, notify: Notify) -> None:
    """Measure what is missing, one unit after the other; each is kept at once. `notify` may raise Cancelled.

    A clip that cannot be dubbed counts as `experiment.if_failed`; every other error stops the run, because it would
    come with each unit. Raises DataError, OutputError, Cancelled.
    """
    units = experiment.units(lab, clips)
    left = [unit for unit in units if not records.has(unit.clip, unit.setting)]
    for count, unit in enumerate(left, len(units) - len(left)):
        lab.beat = _part(notify, f"{experiment.name}: {unit.clip} {unit.setting}", count, len(units))
        lab.beat(0.0)
        try:
            figures = unit.measure()
        except (ClipError, FaceError) as error:
            figures = {**experiment.if_failed, "failure": str(error)}
        records.add(unit.clip, unit.setting, figures)
    notify(Progress(experiment.name, 1.0))


def write_report(experiment: Experiment, records: Records, folder: Path) -> Report:
    """Write NAME.md, NAME.json and NAME.png from the rows that there are. Raises DataError without, OutputError."""
    rows = records.whole()
    if not rows:
        raise DataError(f"{records.path}: expected rows of the experiment {experiment.name}, found none; run it first")
    report = experiment.report(rows)
    failed = sum("failure" in row for row in rows)
    count = len({row["clip"] for row in rows})
    notes = (
        *report.notes,
        *((f"{failed} of {len(rows)} measurements failed and count as bad ones",) if failed else ()),
    )
    report = Report(report.tables, report.panels, notes)
    draw_panels(folder / f"{experiment.name}.png", report.panels)
    values = {
        "experiment": experiment.name,
        "command": records.command,
        **records.about,
        "clips": count,
        "tables": [asdict(table) for table in report.tables],
        "notes": report.notes,
    }
    _write(folder / f"{experiment.name}.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")
    _write(folder / f"{experiment.name}.md", _markdown(experiment, records, count, report))
    return report


def _part(notify: Notify, stage: str, number: int, count: int) -> Callable[[float], None]:
    return lambda share: notify(Progress(stage, (number + share) / count))


def _markdown(experiment: Experiment, records: Records, clips: int, report: Report) -> str:
    of = ", ".join(f"{name} {_short(value)}" for name, value in records.about.items())
    parts = [
        f"# {experiment.title}",
        experiment.question,
        f"    {records.command}",
        f"Clips: {clips}. Of: {of}. Mean ± 95 % bootstrap interval over the clips, where there is a ±.",
        *(table.markdown.rstrip() for table in report.tables),
        *(["\n".join(f"- {note}" for note in report.notes)] if report.notes else []),
        f"![{experiment.title}]({experiment.name}.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _short(value: Any) -> str:
    """Checksums in twelve digits."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {str(digest)[:12]}" for name, digest in value.items())
    return str(value)


def _write(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
