"""Results as a table, and as files that keep every clip's figures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagintalk.data.splits import Split
from imagintalk.evaluation.result import Result
from imagintalk.evaluation.table import Table
from imagintalk.media.files import whole_file

JSON_NAME = "evaluation.json"
MARKDOWN_NAME = "evaluation.md"


def results_table(results: Sequence[Result], split: Split) -> Table:
    """One row a result, measured on `split`; how many of the clips were measured stands beside the figures."""
    rows = []
    for result in results:
        met = "aim" if result.met and result.aim_met else "yes" if result.met else "no"
        clips = f"{result.clips} of {result.available}" if result.clips < result.available else str(result.clips)
        rows.append((result.what, result.at_least, result.aim, result.measured, met, clips))
    return Table(f"Evaluation, {split} split", ("what", "at least", "aim", "measured", "met", "clips"), tuple(rows))


def write_results(results: Sequence[Result], split: Split, folder: Path) -> None:
    """Write evaluation.md (table and notes) and evaluation.json (every clip) into `folder`. Raises OutputError."""
    notes = [f"- {result.what}: {note}" for result in results for note in result.notes]
    markdown = results_table(results, split).markdown + ("\n" + "\n".join(notes) + "\n" if notes else "")
    values = json.dumps([_plain(result) for result in results], indent=2, ensure_ascii=False) + "\n"
    for name, text in ((MARKDOWN_NAME, markdown), (JSON_NAME, values)):
        with whole_file(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def _plain(result: Result) -> dict[str, Any]:
    texts = {"at_least": result.at_least, "aim": result.aim, "measured": result.measured}
    return dataclasses.asdict(result) | texts | {"met": result.met, "aim_met": result.aim_met}
