"""The rows, with speakers whose result is known: one that says the truth, one that is silent, one that fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from imagintalk.data.recording import Recording
from imagintalk.drawn.sentence import GridSentence
from imagintalk.drawn.voice import speak as synthesise
from imagintalk.errors import Cancelled, DataError, FaceError
from imagintalk.evaluation.alone import Run
from imagintalk.evaluation.comparison import true_sound
from imagintalk.evaluation.ears.accuracy import EarAccuracy
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.emotion_order import expected_signs
from imagintalk.evaluation.recogniser import GrammarRecogniser, Recogniser
from imagintalk.evaluation.rows.codec import codec_row
from imagintalk.evaluation.rows.drawn import drawn_row
from imagintalk.evaluation.rows.emotion import emotion_row
from imagintalk.evaluation.rows.length import length_row
from imagintalk.evaluation.rows.lips import lips_row
from imagintalk.evaluation.rows.speed import speed_row
from imagintalk.evaluation.rows.tokens import tokens_row
from imagintalk.evaluation.rows.voice import voice_row
from imagintalk.evaluation.sensitivity import sensitivity_table, threshold_sensitivity
from imagintalk.rates import SAMPLE_RATE
from imagintalk.style.speaker import SpeakerEncoder
from imagintalk.types import Emotion, Progress, Speech

CODES = ("bbaf2n", "swiz4s", "lgbo7p")
FRAMES = 60


def write_clip(path: Path, samples: np.ndarray) -> None:
    """A grey picture of 60 frames at 25 fps with sound, PCM so that nothing shifts."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width = picture.height = 64
        sound = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for _ in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        data = np.round(32767 * samples).astype(np.int16)[None]
        sounds = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        sounds.sample_rate = SAMPLE_RATE
        container.mux(sound.encode(sounds))
        container.mux(sound.encode(None))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    folder = tmp_path_factory.mktemp("clips")
    found = []
    for code in CODES:
        samples = synthesise(GridSentence(code)).samples
        whole = np.zeros(FRAMES * SAMPLE_RATE // 25, np.float32)
        whole[: len(samples)] = samples[: len(whole)]
        path = folder / f"{code}.mov"
        write_clip(path, whole)
        text = GridSentence(code).text
        found.append(Recording(stem=code, path=path, talker="drawn", split="test", has_picture=True, text=text))
    return found


@pytest.fixture(scope="module")
def grammar() -> dict[str, Recogniser]:
    return {"the grammar": GrammarRecogniser()}


def quiet(progress: Progress) -> None:
    assert 0 <= progress.fraction <= 1


def truth(recording: Recording) -> Speech:
    return Speech(true_sound(recording), SAMPLE_RATE)


def silence(recording: Recording) -> Speech:
    return Speech(np.zeros_like(true_sound(recording)), SAMPLE_RATE)


def value(result, name: str) -> float:  # noqa: ANN001
    return next(f.value for f in result.figures if f.name.startswith(name))


def test_the_truth_meets_every_speech_row(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    for row in (tokens_row, lips_row):
        found = row(clips, truth, grammar, None, quiet)
        assert value(found, "WER") == 0 and value(found, "ESTOI") > 0.99
        assert found.met and found.aim_met and found.clips == found.available == 3


def test_silence_gets_every_word_wrong(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    found = lips_row(clips, silence, grammar, 2, quiet)
    heard = sum(float(clip["the grammar errors in the recording"]) for clip in found.per_clip)
    assert value(found, "WER") == pytest.approx(100 - 100 * heard / 12)
    assert value(found, "ESTOI") == 0 and not found.met
    assert (found.clips, found.available) == (2, 3)


def test_a_clip_that_fails_counts_as_silence(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    def fails(recording: Recording) -> Speech:
        raise FaceError(f"{recording.path}: no face")

    failed, silent = (lips_row(clips, speak, grammar, None, quiet) for speak in (fails, silence))
    assert failed.figures == silent.figures
    assert "no face" in str(failed.per_clip[0]["failure"]) and "3 clips failed" in " ".join(failed.notes)


def test_stopping_stops(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    def stop(progress: Progress) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        lips_row(clips, truth, grammar, None, stop)


def test_speech_of_another_length_or_rate_is_an_error(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    with pytest.raises(DataError, match="24000 Hz"):
        lips_row(clips, lambda r: replace(truth(r), rate=16000), grammar, None, quiet)
    with pytest.raises(DataError, match="one clip"):
        lips_row(clips, lambda r: Speech(truth(r).samples[:-960], SAMPLE_RATE), grammar, None, quiet)


def test_a_codec_that_changes_nothing_loses_nothing(clips: list[Recording]) -> None:
    found = codec_row(clips, lambda samples: samples, 1, quiet)
    assert found.aim_met and value(found, "DNSMOS lost") == 0
    chance = np.random.default_rng(0)
    noisy = codec_row(
        clips, lambda samples: samples + 0.05 * chance.standard_normal(len(samples)).astype(np.float32), 1, quiet
    )
    assert value(noisy, "ESTOI") < value(found, "ESTOI") and value(noisy, "DNSMOS lost") > 0


def test_drawn_clips_are_heard_by_the_better_ear(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    class Deaf:
        def transcribe(self, samples: np.ndarray, rate: int) -> str:
            return ""

    spoken: list[str] = []

    def speak(recording: Recording) -> Speech:
        spoken.append(recording.stem)
        return truth(recording)

    found = drawn_row(clips, speak, {"nobody": Deaf(), **grammar}, None, quiet)
    assert found.aim_met and "the grammar" in found.notes[0]
    assert spoken == list(CODES), "each clip is dubbed once, however many listen"


def test_the_same_voice_has_cosine_1(clips: list[Recording]) -> None:
    encoder = SpeakerEncoder()
    found = voice_row(clips, clips, lambda _, sound: truth(replace(clips[0], path=sound)), encoder, None, quiet)
    assert found.aim_met and value(found, "GE2E") == pytest.approx(1, abs=1e-3)
    silent = voice_row(clips, clips, lambda *_: silence(clips[0]), encoder, None, quiet)
    assert value(silent, "GE2E") == 0 and not silent.met


def test_lengths_are_exact_or_not(clips: list[Recording]) -> None:
    paths = [clip.path for clip in clips]
    exact = Speech(np.zeros(FRAMES * 960, np.float32), SAMPLE_RATE)
    assert length_row(paths, lambda _: exact, None, quiet).met
    assert not length_row(paths, lambda _: replace(exact, samples=exact.samples[1:]), None, quiet).met


def emotional(emotion: Emotion, seed: int) -> Speech:
    """A buzz with a slide: angry, happy, fearful higher, livelier and louder than neutral, sad and calm less."""
    above, below = (Emotion.ANGRY, Emotion.HAPPY, Emotion.FEARFUL), (Emotion.SAD, Emotion.CALM)
    step = (1 if emotion in above else -1 if emotion in below else 0) * (1 + 0.3 * emotion)
    pitch = 180 * 2 ** (step / 12 + np.linspace(0, 0.3 + step / 24, SAMPLE_RATE))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 11))
    noise = 0.002 * np.random.default_rng(seed).standard_normal(len(phase))
    return Speech((0.1 * 10 ** (step / 20) * wave + noise).astype(np.float32), SAMPLE_RATE)


def test_emotions_that_are_acted_are_found(
    clips: list[Recording], teach: Callable[[list[tuple[Emotion, Speech]]], EmotionEar]
) -> None:
    ear = teach([(emotion, emotional(emotion, seed)) for emotion in Emotion for seed in (1, 2, 3)])
    known = EarAccuracy(recorded=80.0, coded=70.0, strangers=60.0, clips=24)

    acted = emotion_row(
        clips, lambda _, emotion, seed: emotional(emotion, seed), ear, known, expected_signs(), 1, quiet
    )
    assert acted.met and value(acted, "ordered as RAVDESS") == 100 and len(acted.per_clip) == 8
    assert value(acted, "named") >= 50
    assert "of 24 RAVDESS recordings the ear names 80 %" in acted.notes[0]

    flat = emotion_row(clips, lambda *_: emotional(Emotion.NEUTRAL, 0), ear, known, expected_signs(), 1, quiet)
    assert not flat.met and value(flat, "ordered as RAVDESS") == 0 and value(flat, "named") <= 12.5


def test_the_threshold_table_has_a_row_for_each(clips: list[Recording], grammar: dict[str, Recogniser]) -> None:
    found = threshold_sensitivity(
        clips[:1], (0.5, 0.9), lambda r, at: (truth(r) if at > 0.6 else silence(r), at / 2), grammar, quiet
    )
    assert [s.masked for s in found] == [0.25, 0.45]
    assert found[0].points_above > found[1].points_above == 0
    assert len(sensitivity_table(found, 1).rows) == 2


def test_speed_is_that_of_the_model_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], cpus: int) -> Run:
        assert cpus == 2
        commands.append(command)
        return Run(9.0, 2_000_000_000, "[8.0, 1.0, 3.0, 2.0]\n")

    monkeypatch.setattr("imagintalk.evaluation.rows.speed.run_alone", run)
    row = speed_row(tmp_path / "clip.mp4", tmp_path / "model")
    assert [figure.value for figure in row.figures] == [2.0, 2.0]  # the first, slow dub is not judged
    assert len(commands) == 2
    assert all(str(tmp_path / "model") in command for command in commands)
