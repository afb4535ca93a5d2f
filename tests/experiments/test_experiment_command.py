"""`imagintalk experiment` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagintalk.cli import main
from imagintalk.commands.experiment import NAMES
from imagintalk.experiments.catalogue import EXPERIMENTS
from imagintalk.experiments.lab import Lab


def test_the_command_names_every_experiment() -> None:
    assert tuple(EXPERIMENTS) == NAMES


def test_it_measures_tells_its_command_and_draws_again(
    lab: Lab, grid_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = lab.pipeline.store.folder
    command = ["experiment", "lips", "--data", str(grid_data), "--model", str(model), "--clips", "1"]
    assert main([*command, "-o", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    again = f"imagintalk experiment lips --data {grid_data} --model {model} --clips 1 --output {tmp_path}"
    assert again in told and f"    {again}\n" in (tmp_path / "lips.md").read_text()
    rows = [json.loads(line) for line in (tmp_path / "lips.jsonl").read_text().splitlines()]
    assert [row.get("setting") for row in rows] == [None, "lips"]
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(written) == {"lips.md", "lips.json", "lips.png", "lips.jsonl"}
    assert main(["experiment", "lips", "--redraw", "-o", str(tmp_path)]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == written


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["codec"], "expected --data FOLDER"),
        (["codec", "--data", "none"], "expected a GRID folder"),
        (["codec", "--data", "none", "--clips", "0"], "expected --clips of at least 1"),
        (["codec", "--redraw"], "run it first"),
        (["singing", "--data", "none"], "invalid choice: 'singing'"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str], says: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: int | str | None = main(["experiment", *options, "--model", str(tiny_model), "-o", str(tmp_path)])
    except SystemExit as stop:
        code = stop.code
    lines = capsys.readouterr().err.splitlines()
    assert code == 2 and len(lines) == 1 and says in lines[0]
