"""Two folders scored pair by pair, from the command line too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagintalk.cli import main
from imagintalk.drawn.sentence import GridSentence
from imagintalk.drawn.voice import speak
from imagintalk.errors import DataError
from imagintalk.evaluation.interval import interval
from imagintalk.evaluation.pairs import find_pairs, said_in
from imagintalk.rates import SAMPLE_RATE


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two recordings; of one a noisy copy as another format, of the other nothing but an empty file."""
    reference, generated = tmp_path / "reference", tmp_path / "generated"
    for folder in (reference, generated):
        folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("bbaf2n", "sgij2s"):
        samples = speak(GridSentence(name)).samples
        soundfile.write(reference / f"{name}.wav", samples, SAMPLE_RATE)
        noisy = samples + 0.01 * rng.standard_normal(len(samples))
        soundfile.write(generated / f"{name}.flac", noisy, SAMPLE_RATE)
    return reference, generated


def test_pairs_are_those_of_one_name(folders: tuple[Path, Path]) -> None:
    reference, generated = folders
    (reference / "other.wav").touch()
    assert [(a.name, b.name) for a, b in find_pairs(reference, generated)] == [
        ("bbaf2n.wav", "bbaf2n.flac"),
        ("sgij2s.wav", "sgij2s.flac"),
    ]
    (generated / "more.wav").touch()
    with pytest.raises(DataError, match="none for more"):
        find_pairs(reference, generated)
    (generated / "more.wav").rename(generated / "sgij2s.wav")
    with pytest.raises(DataError, match="each name once"):
        find_pairs(reference, generated)
    with pytest.raises(DataError, match="expected a folder"):
        find_pairs(reference, generated / "nowhere")


def test_scores_from_the_command_line(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, generated = folders
    (generated / "sgij2s.flac").write_bytes(b"not sound")
    command = ["evaluate", "--reference", str(reference), "--generated", str(generated), "-o", str(tmp_path / "out")]
    assert main([*command, "--recognisers", "slots"]) == 0
    rows = json.loads((tmp_path / "out" / "scores.json").read_text())["generated"]["clips"]
    assert [row["clip"] for row in rows] == ["bbaf2n", "sgij2s"]
    assert 0.5 < rows[0]["ESTOI"] < 1
    assert rows[0]["said"] == "bin blue at f two now" and len(rows[0]["slots heard"].split()) == 6
    assert rows[1]["ESTOI"] is None
    assert "sgij2s" in rows[1]["failure"]
    table = (tmp_path / "out" / "scores.md").read_text()
    assert f"{rows[0]['ESTOI']:.3g} ±" in table
    assert "sgij2s: left out" in table
    assert main(command[:3]) == 2
    assert "both --reference and --generated" in capsys.readouterr().err


def test_what_is_said_stands_beside_or_in_the_name(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("Set red, now!\n")
    (tmp_path / "theirs.txt").write_text("Text:  HELLO THERE\nConf:  4\n")
    said = [said_in(tmp_path / f"{name}.wav") for name in ("plain", "theirs", "bbaf2n", "take-1")]
    assert said == ["set red now", "hello there", "bin blue at f two now", ""]


def test_a_long_sentence_counts_by_its_words() -> None:
    found = interval([0.0, 50.0, float("nan")], [6, 2, 9])
    assert found.mean == pytest.approx(12.5) and found.count == 2
    assert found.low == 0 and found.high == 50


def test_the_interval_holds_the_mean_and_narrows_with_more_clips() -> None:
    rng = np.random.default_rng(1)
    few, many = (interval(list(rng.normal(5, 1, count))) for count in (10, 1000))
    for found in (few, many):
        assert found.low < found.mean < found.high
    assert many.high - many.low == pytest.approx(2 * 1.96 / 1000**0.5, rel=0.15)
    assert few.high - few.low > many.high - many.low
    assert interval([float("nan"), 2.0]).count == 1
    assert interval([]).text("") == "–"
