"""The README's first command: the built extension, the real worker and the shipped model, from two clips to a film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagintalk.cli import main
from imagintalk.media.audio import read_audio
from imagintalk.media.probe import probe
from imagintalk.rates import SAMPLE_RATE
from imagintalk_addon.demo.show import CLIPS, NTSC, Shown, show, told
from imagintalk_server.address import Address

pytest.importorskip("bpy")
_FRAME_S = 1 / 24


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return show(tmp_path_factory.mktemp("demo") / "to be made", lambda progress: None)


def test_both_clips_are_dubbed_and_one_is_happy_too(shown: Shown) -> None:
    made = [(one.take.clip, one.take.emotion, one.take.audible) for one in shown.heard]
    assert sorted(made) == [(CLIPS[0], "auto", False), (CLIPS[0], "happy", True), (CLIPS[1], "auto", True)]
    assert probe(shown.blend.parent / CLIPS[1]).frame_rate == NTSC
    for path in (shown.blend, shown.film, shown.archive, *(Path(one.take.path) for one in shown.heard)):
        assert path.is_file()


def test_the_film_sounds_as_the_takes_do_where_their_strips_are(shown: Shown) -> None:
    film = read_audio(shown.film, SAMPLE_RATE, 0.0, 8.0)
    for take in (one.take for one in shown.heard if one.take.audible):
        speech = read_audio(Path(take.path), SAMPLE_RATE, 0.0, take.end_s - take.start_s)
        size = 1 << (len(film) + len(speech)).bit_length()
        likeness = np.fft.irfft(np.fft.rfft(film, size) * np.conj(np.fft.rfft(speech, size)), size)
        found = int(likeness.argmax()) / SAMPLE_RATE
        assert found == pytest.approx(take.start_s, abs=_FRAME_S / 2)
        first = round(take.start_s * SAMPLE_RATE)
        there = film[first : first + len(speech)]
        assert np.corrcoef(there, speech[: len(there)])[0, 1] > 0.95


def test_a_recogniser_understands_most_of_what_was_said(shown: Shown) -> None:
    """Of the takes as the face shows: what the model can do is measured elsewhere."""
    plain = [one for one in shown.heard if one.take.emotion == "auto"]
    right = [
        sum(
            said == heard for said, heard in zip(one.sentence.split(), dict(one.words)["grammar"].split(), strict=False)
        )
        for one in plain
    ]
    assert sum(right) >= 6  # of twelve; by chance two


def test_what_is_told_says_where_everything_is(shown: Shown) -> None:
    words = told(shown)
    for one in shown.heard:
        assert one.sentence in words
        assert one.take.path in words
    assert str(shown.film) in words


def test_no_worker_is_left_running(shown: Shown) -> None:
    assert Address.of_state(shown.blend.parent / "worker") is None


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    assert main(["demo", "-o", str(tmp_path / "file" / "demo")]) == 2
    assert "expected a folder to write to" in capsys.readouterr().err
