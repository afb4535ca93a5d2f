"""An experiment is resumed, cancelled, told and drawn again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from imagintalk.errors import Cancelled, DataError, FaceError, WeightsError
from imagintalk.experiments.charts import Lines
from imagintalk.experiments.ears import Ears
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.records import Records
from imagintalk.experiments.runner import run_units, write_report
from imagintalk.experiments.summary import WER, at, line, settings_of, settings_table
from imagintalk.types import Progress


class Counting(Experiment):
    """Two clips at two settings; the WER of a unit is its number; the clip `bad` has no face."""

    name, title, question, clips = "counting", "Counting", "How many?", 2

    def __init__(self, clips: Sequence[str] = ("one", "two")) -> None:
        self.names, self.measured = clips, list[tuple[str, str]]()

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        def unit(clip: str, setting: str) -> Unit:
            def measure() -> Figures:
                if clip == "bad":
                    raise FaceError("no face")
                self.measured.append((clip, setting))
                return {"WER": float(len(self.measured))}

            return Unit(clip, setting, measure)

        return [unit(clip, setting) for clip in self.names[:clips] for setting in "ab"]

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        panel = Lines("t", "x", "y", (line("WER", (0, 1), [at(rows, s) for s in settings], "WER"),))
        return Report((settings_table("All", "setting", rows, settings, (WER,)),), (panel,), ("a note",))


def quiet(progress: Progress) -> None:
    assert 0 <= progress.fraction <= 1


def begun(folder: Path) -> Records:
    records = Records(folder / "counting.jsonl")
    records.begin({"seed": 0}, "imagintalk experiment counting")
    return records


def test_a_run_that_was_stopped_goes_on_where_it_stopped(tmp_path: Path, lab: Lab) -> None:
    first = Counting()

    def stop(progress: Progress) -> None:
        if len(first.measured) == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run_units(first, lab, 2, begun(tmp_path), stop)
    second = Counting()
    run_units(second, lab, 2, begun(tmp_path), quiet)
    assert first.measured + second.measured == [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b")]


def test_more_clips_add_to_what_is_there(tmp_path: Path, lab: Lab) -> None:
    experiment = Counting()
    for clips in (1, 2, 2):
        run_units(experiment, lab, clips, begun(tmp_path), quiet)
    assert len(experiment.measured) == len(Records(tmp_path / "counting.jsonl").rows) == 4


def test_the_report_tells_command_figures_and_failures_and_is_the_same_when_drawn_again(
    tmp_path: Path, lab: Lab
) -> None:
    experiment, records = Counting(("one", "bad")), begun(tmp_path)
    run_units(experiment, lab, 2, records, quiet)
    write_report(experiment, records, tmp_path)
    told = (tmp_path / "counting.md").read_text()
    values = json.loads((tmp_path / "counting.json").read_text())
    assert "    imagintalk experiment counting\n" in told and "2 of 4 measurements failed" in told
    assert "| a | 50.5 ± 50 % |" in told  # 1 and, for the clip that failed, 100
    assert values["clips"] == 2 and values["tables"][0]["rows"][1][0] == "b"
    picture = cv2.imread(str(tmp_path / "counting.png"))
    assert picture is not None and picture.std() > 0
    write_report(experiment, Records(tmp_path / "counting.jsonl"), tmp_path)
    assert (tmp_path / "counting.md").read_text() == told


def test_what_is_no_fault_of_the_clip_stops_the_run(tmp_path: Path, lab: Lab) -> None:
    with pytest.raises(WeightsError, match="expected the weights of the ear emotion"):
        Ears(tmp_path).emotion(np.zeros(24_000, np.float32))

    class Broken(Counting):
        def units(self, lab: Lab, clips: int) -> list[Unit]:
            def measure() -> Figures:
                raise DataError("nothing to learn from")

            return [Unit("one", "a", measure)]

    with pytest.raises(DataError, match="nothing to learn from"):
        run_units(Broken(), lab, 1, begun(tmp_path), quiet)
    assert not Records(tmp_path / "counting.jsonl").rows


def test_nothing_measured_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found none; run it first"):
        write_report(Counting(), Records(tmp_path / "counting.jsonl"), tmp_path)
