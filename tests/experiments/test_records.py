"""Rows survive whatever stops a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagintalk.errors import DataError, OptionError
from imagintalk.experiments.records import Records


def begun(path: Path, seed: int = 0) -> Records:
    records = Records(path)
    records.begin({"seed": seed}, "imagintalk experiment x")
    return records


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    records = begun(tmp_path / "x.jsonl")
    records.add("one", "a", {"WER": 100 / 3, "F0": float("nan"), "list": [1, 0.1]})
    again = Records(tmp_path / "x.jsonl")
    assert again.rows == records.rows == [{"clip": "one", "setting": "a", "WER": 33.3333, "F0": None, "list": [1, 0.1]}]
    assert again.has("one", "a") and not again.has("one", "b") and not again.has("two", "a")
    assert (again.about, again.command) == ({"seed": 0}, "imagintalk experiment x")
    again.begin({"seed": 0}, "imagintalk experiment x --clips 2")
    assert Records(tmp_path / "x.jsonl").command.endswith("--clips 2")


def test_a_line_that_was_cut_off_is_left_out_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    records = begun(path)
    records.add("one", "a", {"WER": 1.0})
    with path.open("a") as file:
        file.write('{"clip": "one", "sett')
    again = Records(path)
    assert len(again.rows) == 1
    again.begin({"seed": 0}, "x")
    again.add("one", "b", {"WER": 2.0})
    assert [json.loads(line).get("setting") for line in path.read_text().splitlines()] == [None, "a", None, "b"]


def test_rows_of_another_seed_are_not_mixed(tmp_path: Path) -> None:
    begun(tmp_path / "x.jsonl", seed=0)
    with pytest.raises(OptionError, match="another seed; measure anew with --fresh"):
        begun(tmp_path / "x.jsonl", seed=1)


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("a\nb\n")
    with pytest.raises(DataError, match=r"x.jsonl:1: expected a row"):
        Records(path)


def test_a_clip_whose_settings_are_not_all_there_does_not_count(tmp_path: Path) -> None:
    records = begun(tmp_path / "x.jsonl")
    for clip, settings in (("one", "ab"), ("two", "a")):
        for setting in settings:
            records.add(clip, setting, {})
    assert [row["clip"] for row in records.whole()] == ["one", "one"]
