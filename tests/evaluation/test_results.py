import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from imagintalk.errors import DataError, ImaginTalkError, OptionError
from imagintalk.evaluation.alone import run_alone
from imagintalk.evaluation.evaluate import results_table, write_results
from imagintalk.evaluation.result import Figure, Result
from imagintalk.evaluation.spectrogram import Panel, draw_spectrograms
from imagintalk.evaluation.subset import evenly
from imagintalk.evaluation.table import Table
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Speech


def result(value: float, **rest: object) -> Result:
    figures = (Figure("WER", value, 25.0, 5.0, " points", small_is_good=True), Figure("ESTOI", 0.5, 0.4, None))
    return Result(what="a | row", figures=figures, clips=3, available=9, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "met", "aim_met"), [(4, True, True), (5, True, True), (25, True, False), (26, False, False)]
)
def test_bounds_include_their_end(value: float, met: bool, aim_met: bool) -> None:
    assert (result(value).met, result(value).aim_met) == (met, aim_met)


def test_what_could_not_be_measured_is_not_met() -> None:
    assert not result(float("nan")).met
    assert not Figure("ESTOI", float("nan"), 0.4, None).met


def test_every_figure_has_to_keep_its_bound() -> None:
    good, bad = Figure("a", 1.0, 0.5, None), Figure("b", 0.1, 0.5, None)
    assert not Result("both", (good, bad), 1, 1).met
    assert Result("good", (good, Figure("told", 0.0, None, None)), 1, 1).met


def test_the_files_hold_every_clip_and_say_how_many(tmp_path: Path) -> None:
    measured = result(12.5, per_clip=({"clip": "bbaf2n", "errors": 1},), notes=("the recordings: 11",))
    write_results([measured], "validation", tmp_path)
    (values,) = json.loads((tmp_path / "evaluation.json").read_text())
    assert values["met"] is True and values["aim_met"] is False
    assert values["per_clip"] == [{"clip": "bbaf2n", "errors": 1}]
    assert values["figures"][0]["value"] == 12.5
    text = (tmp_path / "evaluation.md").read_text()
    assert "WER 12.5 points / ESTOI 0.5" in text and "3 of 9" in text and "the recordings: 11" in text
    assert "Evaluation, validation split" in text and "WER ≤ 25 points" in text and r"a \| row" in text


def test_a_table_shows_all_its_cells() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    results_table([result(30)], "test").print_to(console)
    shown = console.export_text()
    assert "a | row" in shown and "30 points" in shown and "no" in shown
    with pytest.raises(DataError):
        Table("t", ("a", "b"), (("1",),))


def test_a_subset_is_even_and_ordered() -> None:
    assert evenly(range(10), 5) == [0, 2, 4, 6, 8]
    assert evenly(range(3), None) == evenly(range(3), 9) == [0, 1, 2]
    for count in range(1, 12):
        chosen = evenly(range(12), count)
        assert len(chosen) == count == len(set(chosen)) and chosen == sorted(chosen)
    with pytest.raises(OptionError):
        evenly(range(3), 0)


def sine(level: float) -> Speech:
    wave = level * np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    return Speech(wave.astype(np.float32), SAMPLE_RATE)


def inner(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of the upper and lower panel, without titles, axes and the colour bar."""
    picture = imread(path)[..., :3].sum(axis=2)
    rows, columns = picture.shape
    return tuple(
        picture[start : start + rows // 4, columns // 4 : columns // 2] for start in (rows // 6, 4 * rows // 7)
    )


def test_spectrograms_share_one_scale(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    draw_spectrograms(path, [Panel("true", sine(0.5)), Panel("made", sine(0.05))])
    loud, soft = inner(path)
    assert loud.max() > soft.max() + 0.3
    assert [p.name for p in tmp_path.iterdir()] == ["picture.png"]


def test_words_are_written_over_their_time(tmp_path: Path) -> None:
    bare, worded = tmp_path / "bare.png", tmp_path / "worded.png"
    draw_spectrograms(bare, [Panel("true", sine(0.5)), Panel("made", sine(0.5))])
    draw_spectrograms(worded, [Panel("true", sine(0.5), ((0.1, 0.9, "blue"),)), Panel("made", sine(0.5))])
    changed = (imread(bare) != imread(worded)).any(axis=2)
    assert changed.any() and not changed[len(changed) // 2 :].any()


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        draw_spectrograms(tmp_path / "picture.png", [])


def test_peak_memory_is_the_programs_own() -> None:
    ours = np.ones(60_000_000)  # 480 MB in this process, which must not count
    small = run_alone([sys.executable, "-c", "print('done')"], cpus=1)
    large = run_alone([sys.executable, "-c", "x = bytearray(b'x' * 200_000_000); print(len(x))"], cpus=1)
    assert small.output.strip() == "done" and ours.all()
    assert small.peak_bytes < 60e6
    assert 200e6 < large.peak_bytes - small.peak_bytes < 440e6


def test_a_program_that_fails_is_an_error() -> None:
    with pytest.raises(ImaginTalkError, match="exit code 3: oh dear"):
        run_alone([sys.executable, "-c", "import sys; sys.stderr.write('oh dear'); sys.exit(3)"], cpus=1)
