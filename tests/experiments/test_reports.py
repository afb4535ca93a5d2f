"""Reports of made-up rows whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.errors import DataError
from imagintalk.experiments.catalogue import EXPERIMENTS
from imagintalk.experiments.charts import Lines, Matrix
from imagintalk.experiments.degraded import CONDITIONS
from imagintalk.experiments.experiment import Row
from imagintalk.experiments.guidance_sweep import WEIGHTS
from imagintalk.experiments.lip_alignment import confusion, majority
from imagintalk.experiments.style_matrix import similarities
from imagintalk.experiments.summary import best, mean_of


def test_lips_that_are_read_right_are_right_in_every_table() -> None:
    frames = {"true": [0, 1, 2, 2], "probability": [0.95, 0.95, 0.25, 0.25], "viseme": [0, 1, 2, 2]}
    right: Row = {"clip": "one", "setting": "lips", "read": [0, 1, 2, 2], "rank": [0, 0, 0, 0], **frames}
    wrong: Row = {"clip": "two", "setting": "lips", "read": [0, 1, 1, 1], "rank": [0, 0, 1, 9], **frames}
    summary, by_confidence, shapes = EXPERIMENTS["lips"].report([right, wrong]).tables
    assert summary.rows[0][1].startswith("75 ± 25") and summary.rows[1][1].startswith("66.7 ± 33")
    assert summary.rows[0][2].startswith("87.5") and summary.rows[0][4].startswith("100 ±")
    assert [row[0] for row in by_confidence.rows] == ["0.2 to 0.3", "0.9 to 1.0"]
    assert [row[2] for row in by_confidence.rows] == ["50.0%", "100.0%"]
    assert shapes.rows[2][1:] == ("0", "50", "50")


def test_a_token_has_the_shape_that_it_comes_with_most() -> None:
    shape = majority(np.array([5, 5, 5, 7]), np.array([1, 2, 2, 3]))
    assert (shape[5], shape[7], shape[6]) == (2, 3, 0)
    confused = confusion(np.array([1, 1, 2]), np.array([1, 0, 2]), 4)
    assert confused[1].tolist() == [0.5, 0.5, 0, 0] and confused[2, 2] == 1 and confused[3].sum() == 0


def test_the_detector_s_best_rule_is_the_one_of_fewest_errors() -> None:
    rows: list[Row] = []
    for clip in ("one", "two"):
        for condition in CONDITIONS:
            for name, wrong in (("off", 40.0), ("fixed 0.5", 20.0), ("fixed 0.9", 60.0)):
                figures = {"WER": wrong, "masked": 0.5, "broken": 0.1, "mended": 0.2, "before": 0.3, "after": None}
                rows.append({"clip": clip, "setting": f"{condition}, {name}", **figures})
    report = EXPERIMENTS["detector"].report(rows)
    assert report.notes[0] == "lowest WER over all footage: fixed 0.5"
    errors, drifts = report.tables
    assert errors.rows[1] == ("fixed 0.5", *["20 ± 0"] * 7)
    assert drifts.rows[0] == ("off", "50.0%", "10.0%", "20.0%", "0.30", "–")


def test_voice_and_emotion_that_are_apart_are_found_to_be() -> None:
    """Voices are orthogonal and emotions are too; each stays what it is whatever the other does."""
    rows: list[Row] = []
    for clip in ("one", "two"):
        for v, voice in enumerate("ab"):
            for e, emotion in enumerate(("happy", "sad")):
                figures = {"voice": np.eye(2)[v].tolist(), "emotion": np.eye(2)[e].tolist(), "to the voice": 1.0}
                rows.append({"clip": clip, "setting": f"{voice}, {emotion}", **figures})
    report = EXPERIMENTS["style"].report(rows)
    assert [row[1:] for row in report.tables[0].rows] == [("1 ± 0", "0 ± 0"), ("0 ± 0", "1 ± 0"), ("0 ± 0", "0 ± 0")]
    assert isinstance(report.panels[0], Matrix) and len(report.panels[0].values) == 4
    rows[0]["voice"] = [None, None]
    assert np.isnan(similarities(rows, ["a, happy"], "voice")[0]).all()


def test_guidance_is_judged_by_what_it_steers() -> None:
    rows: list[Row] = [
        {"clip": "one", "setting": f"{name} {value:g}", "WER": value, "voice": value / 10, "emotion": -value}
        for name, values in WEIGHTS.items()
        for value in values
    ]
    notes = EXPERIMENTS["guidance"].report(rows).notes
    assert [note.split(" is ")[1] for note in notes] == ["joint 0.5", "lip 0", "identity 5", "emotion 0"]


def test_steps_and_shares_are_drawn_over_their_numbers() -> None:
    steps: list[Row] = [
        {"clip": "one", "setting": f"euler, {n}", "WER": 1.0, "ESTOI": 0.1, "DNSMOS": 2.0, "seconds": n / 10}
        for n in (1, 2, 4, 8, 16, 32, 64, 128)
    ]
    seconds = EXPERIMENTS["steps"].report(steps).panels[3]
    assert isinstance(seconds, Lines) and seconds.lines[0].y == pytest.approx([n / 10 for n in seconds.lines[0].x])
    shares: list[Row] = [
        {"clip": "grid", "setting": share, "recordings": n, "steps": 9, "accuracy": n / 1000, "word_accuracy": 0.5}
        | {"similarity": 0.4, "token": 3.0}
        for share, n in (("1/8", 92), ("1/4", 184))
    ]
    report = EXPERIMENTS["data"].report(shares)
    assert report.tables[0].rows[1] == ("1/4", "184", "18.4%", "50.0%", "0.400", "3.000")
    assert report.notes[0].startswith("9 steps")


def test_rows_of_one_clip_count_as_their_mean() -> None:
    rows: list[Row] = [{"clip": "one", "x": 1.0}, {"clip": "one", "x": 3.0}, {"clip": "two", "x": None}]
    found = mean_of([*rows, {"clip": "three", "x": 8.0}], "x")
    assert (found.mean, found.count) == (5.0, 2)


def test_nothing_known_never_wins() -> None:
    scores = {"a": float("nan"), "b": 2.0, "c": 1.0, "d": 1.0}
    assert best(list(scores), scores.__getitem__) == "c"
    assert best(["a"], scores.__getitem__) == "–"


def test_clips_that_all_fail_are_one_line() -> None:
    with pytest.raises(DataError, match="none of 1 can: no face"):
        EXPERIMENTS["lips"].report([{"clip": "one", "setting": "lips", "failure": "no face"}])
