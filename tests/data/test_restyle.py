"""A recording said in another manner: what is asked for changes, words and times stay."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from imagintalk.data.cache import RESTYLED, Example, of_split, read_cache, write_index, write_part
from imagintalk.data.moves import actors_moves
from imagintalk.data.pitch import pitch_track
from imagintalk.data.recording import Recording
from imagintalk.data.restyle import Manner, restyle
from imagintalk.data.restyled import KINDS, restyle_cache
from imagintalk.drawn.sentence import GridSentence
from imagintalk.drawn.voice import speak
from imagintalk.errors import DataError
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Emotion


@pytest.fixture(scope="module")
def spoken() -> np.ndarray:
    samples = 0.3 * speak(GridSentence("sgij2s")).samples
    return np.pad(samples, (0, -len(samples) % 480))


def voiced(samples: np.ndarray) -> np.ndarray:
    pitch = pitch_track(samples)
    return 12 * np.log2(pitch[pitch > 0])


def loudness(samples: np.ndarray) -> np.ndarray:
    return librosa.feature.rms(y=samples, frame_length=960, hop_length=480)[0]


def changed(samples: np.ndarray, manner: Manner) -> np.ndarray:
    return restyle(samples, SAMPLE_RATE, pitch_track(samples), manner)


def test_the_pitch_moves_by_what_was_asked(spoken: np.ndarray) -> None:
    for semitones in (-4.0, 7.0):
        moved = np.median(voiced(changed(spoken, Manner(semitones=semitones)))) - np.median(voiced(spoken))
        assert moved == pytest.approx(semitones, abs=1.0)


def test_liveliness_widens_the_range_and_decibels_the_level(spoken: np.ndarray) -> None:
    spread = [np.subtract(*np.percentile(voiced(changed(spoken, Manner(liveliness=f))), [75, 25])) for f in (0.5, 2.0)]
    assert spread[1] > 2 * spread[0]
    louder = changed(spoken, Manner(decibels=6.0))
    assert 20 * np.log10(louder.std() / changed(spoken, Manner()).std()) == pytest.approx(6.0, abs=0.1)


def test_a_shorter_tract_raises_the_formants_and_words_keep_their_times(spoken: np.ndarray) -> None:
    centre = [
        librosa.feature.spectral_centroid(y=changed(spoken, Manner(tract=tract)), sr=SAMPLE_RATE).mean()
        for tract in (0.85, 1.2)
    ]
    assert centre[1] > 1.1 * centre[0]
    other = changed(spoken, Manner(tract=1.2, semitones=8))
    assert other.shape == spoken.shape
    assert np.corrcoef(loudness(spoken), loudness(other))[0, 1] > 0.9


def test_silence_stays_silence() -> None:
    assert not changed(np.zeros(24_000, np.float32), Manner(semitones=5, decibels=6)).any()


@pytest.fixture
def cache(tmp_path: Path, spoken: np.ndarray) -> Path:
    """A GRID talker's two recordings, one of them in the test split, and an actor, neutral and angry."""

    def put(corpus: str, rows: list[tuple[Recording, np.ndarray]]) -> None:
        folder = tmp_path / corpus
        folder.mkdir()
        for recording, samples in rows:
            name = f"{recording.talker}_{recording.stem}"
            stored = (samples * 32768).clip(-32768, 32767).astype(np.int16)
            write_part(folder / f"{name}.sound.npz", {"samples": stored, "pitch": pitch_track(samples)})
            write_part(folder / f"{name}.voice.npz", {"ge2e": np.full(256, 1 / 16, np.float32)})
        write_index(folder, corpus, [recording for recording, _ in rows])

    def take(stem: str, talker: str, split: str = "train", **more: object) -> Recording:
        return Recording(stem, tmp_path / "none.mp4", talker, split, talker == "s1", **more)  # type: ignore[arg-type]

    put(
        "grid", [(take("sgij2s", "s1", text="set green in j two soon"), spoken), (take("sgij3s", "s1", "test"), spoken)]
    )
    angry = changed(spoken, Manner(semitones=6, liveliness=0.6, decibels=5))
    neutral = take("n", "a1", emotion=Emotion.NEUTRAL, intensity=0.0)
    put("ravdess", [(neutral, 0.1 * spoken), (take("a", "a1", emotion=Emotion.ANGRY, intensity=1.0), 0.1 * angry)])
    return tmp_path


def test_moves_are_measured_from_the_actors_own_neutral_voice(cache: Path) -> None:
    (move,) = actors_moves(read_cache(cache, ["ravdess"]))
    assert (move.emotion, move.intensity) == (Emotion.ANGRY, 1.0)
    assert move.manner.semitones == pytest.approx(6, abs=1.0)
    assert move.manner.liveliness == pytest.approx(0.6, abs=0.2)
    assert move.manner.decibels == pytest.approx(5, abs=1.5)


def test_moves_need_an_actor_who_is_also_neutral(cache: Path) -> None:
    with pytest.raises(DataError, match="neutrally and with emotion"):
        actors_moves(e for e in read_cache(cache, ["ravdess"]) if e.emotion is Emotion.ANGRY)


def test_each_training_recording_is_said_again_in_each_kind(cache: Path) -> None:
    assert restyle_cache(cache, lambda progress: None, workers=1) == len(KINDS)
    made = {e.name.rsplit("_", 1)[1]: e for e in read_cache(cache, [RESTYLED])}
    source = of_split(read_cache(cache, ["grid"]), "train")[0]
    assert set(made) == set(KINDS)
    assert all(e.content_of == ("grid", source.name) and e.split == "train" for e in made.values())
    assert all(len(e.samples) == len(source.samples) for e in made.values())
    assert (made["emotion"].voice["ge2e"] == source.voice["ge2e"]).all()
    assert (made["voice"].voice["ge2e"] != source.voice["ge2e"]).any()
    assert [made[kind].emotion for kind in KINDS] == [Emotion.ANGRY, None, Emotion.ANGRY]
    raised = np.median(voiced(made["emotion"].samples)) - np.median(voiced(source.samples))
    assert raised == pytest.approx(6, abs=1.5)
    before: dict[str, Example] = {e.name: e for e in made.values()}
    assert restyle_cache(cache, lambda progress: None, workers=1) == len(KINDS)  # kept, not made anew
    assert {e.name: e for e in read_cache(cache, [RESTYLED])} == before


def test_without_sources_the_error_says_what_to_prepare(tmp_path: Path, cache: Path) -> None:
    (cache / "grid" / "index.json").unlink()
    with pytest.raises(DataError, match="grid or drawn; prepare them first"):
        restyle_cache(cache, lambda progress: None, workers=1)
