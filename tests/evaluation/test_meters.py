import numpy as np
import pytest

from imagintalk.drawn.sentence import GridSentence
from imagintalk.drawn.voice import speak
from imagintalk.errors import DataError, VoiceError
from imagintalk.evaluation.ears.emotion import EmotionEar
from imagintalk.evaluation.ears.slots import SlotRecogniser
from imagintalk.evaluation.intelligibility import estoi
from imagintalk.evaluation.meters import METERS, Meters, Pair, level_error, pitch_error, wer
from imagintalk.evaluation.naturalness import dnsmos_of
from imagintalk.evaluation.pitch import measure_prosody, pitch_of
from imagintalk.evaluation.recognisers import SLOTS
from imagintalk.rates import SAMPLE_RATE
from imagintalk.style.speaker import SpeakerEncoder


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return speak(GridSentence("bbaf2n")).samples


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return SpeakerEncoder()


def noise(samples: np.ndarray, level: float) -> np.ndarray:
    return samples + level * np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)


def tone(hertz: np.ndarray | float, level: float = 0.3, seconds: float = 1.0) -> np.ndarray:
    """A buzz of ten harmonics."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, round(seconds * SAMPLE_RATE))) / SAMPLE_RATE
    wave = sum(np.sin(k * phase) / k for k in range(1, 11))
    return (level * wave / np.abs(wave).max()).astype(np.float32)


def test_estoi_is_1_of_itself_and_falls_with_noise(speech: np.ndarray) -> None:
    assert estoi(speech, speech, SAMPLE_RATE) == pytest.approx(1, abs=1e-3)
    assert estoi(speech, 0.1 * speech, SAMPLE_RATE) == pytest.approx(1, abs=1e-3)
    little, much = (estoi(speech, noise(speech, level), SAMPLE_RATE) for level in (0.01, 0.1))
    assert 1 > little > much > 0


def test_silence_is_not_intelligible(speech: np.ndarray) -> None:
    assert estoi(speech, np.zeros_like(speech), SAMPLE_RATE) == 0


def test_estoi_cuts_a_few_samples_and_no_more(speech: np.ndarray) -> None:
    assert estoi(speech, speech[:-100], SAMPLE_RATE) == pytest.approx(1, abs=1e-3)
    with pytest.raises(DataError, match="one clip"):
        estoi(speech, speech[:-500], SAMPLE_RATE)


def test_estoi_asks_for_true_speech(speech: np.ndarray) -> None:
    for true in (speech[:3000], np.zeros_like(speech)):
        with pytest.raises(DataError):
            estoi(true, speech[: len(true)], SAMPLE_RATE)


def test_dnsmos_prefers_clean_speech(speech: np.ndarray) -> None:
    clean, bad = dnsmos_of(speech, SAMPLE_RATE), dnsmos_of(noise(speech, 0.1), SAMPLE_RATE)
    assert 1 <= bad.overall < clean.overall <= 5
    assert bad.background < clean.background


def test_pitch_and_level_of_a_known_sound() -> None:
    found = measure_prosody(tone(200.0), SAMPLE_RATE)
    assert found.pitch_mean_hz == pytest.approx(200, rel=0.01)
    assert found.pitch_range_semitones == pytest.approx(0, abs=0.1)
    louder = measure_prosody(tone(200.0, level=0.6), SAMPLE_RATE)
    assert louder.energy_db - found.energy_db == pytest.approx(20 * np.log10(2), abs=0.1)


def test_pitch_range_is_that_of_the_glide() -> None:
    glide = measure_prosody(tone(150 * 2 ** np.linspace(0, 1, SAMPLE_RATE)), SAMPLE_RATE)
    assert glide.pitch_range_semitones == pytest.approx(0.9 * 12, abs=0.5)


def test_silence_has_no_prosody() -> None:
    for samples in (np.zeros(SAMPLE_RATE, np.float32), np.zeros(10, np.float32)):
        assert not pitch_of(samples, SAMPLE_RATE).any()
        with pytest.raises(DataError):
            measure_prosody(samples, SAMPLE_RATE)


def test_an_embedding_is_a_unit_vector_that_loudness_and_rate_leave_alone(
    encoder: SpeakerEncoder, speech: np.ndarray
) -> None:
    voice = encoder.embed(speech, SAMPLE_RATE)
    assert voice.shape == (256,) and voice.dtype == np.float32
    assert np.linalg.norm(voice) == pytest.approx(1, abs=1e-5)
    assert encoder.embed(0.3 * speech, SAMPLE_RATE) @ voice > 0.95
    assert encoder.embed(np.repeat(speech, 2), 2 * SAMPLE_RATE) @ voice > 0.9


def test_one_voice_is_closer_to_itself_than_to_another_pitch(encoder: SpeakerEncoder, speech: np.ndarray) -> None:
    voice = encoder.embed(speech, SAMPLE_RATE)
    other_words = encoder.embed(speak(GridSentence("swiz4s")).samples, SAMPLE_RATE)
    smaller_person = encoder.embed(speech, round(1.5 * SAMPLE_RATE))
    assert other_words @ voice > smaller_person @ voice


@pytest.mark.parametrize("samples", [np.zeros(SAMPLE_RATE, np.float32), np.zeros(0, np.float32), tone(200.0)[:2000]])
def test_too_little_voice_is_an_error(encoder: SpeakerEncoder, samples: np.ndarray) -> None:
    with pytest.raises(VoiceError, match=r"0\.3 s"):
        encoder.embed(samples, SAMPLE_RATE)


@pytest.fixture(scope="module")
def meters() -> Meters:
    return Meters({SLOTS: SlotRecogniser()}, EmotionEar())


def measure(meters: Meters, true: np.ndarray, made: np.ndarray, said: str = "") -> dict[str, float]:
    return meters.measure(Pair(true, made, SAMPLE_RATE, said)).figures


def test_a_recording_is_like_itself_by_every_meter_and_less_so_with_noise(speech: np.ndarray, meters: Meters) -> None:
    same, noisy = (measure(meters, speech, made) for made in (speech, noise(speech, 0.05)))
    assert list(same) == [meter.name for meter in METERS]
    for name in ("MCD", "F0 RMSE", "energy RMSE", "duration error"):
        assert same[name] == pytest.approx(0, abs=1e-6)
    for name in ("ESTOI", "STOI", "speaker", "emotion"):
        assert same[name] == pytest.approx(1, abs=1e-3)
    assert same["PESQ"] > 4.5
    unknown = {name for name in same if name.startswith(("WER", "lip"))}  # without words and without a picture
    assert np.isnan([same[name] for name in unknown]).all()
    told = [m for m in METERS if m.name not in {"F0 RMSE", "duration error"} | unknown]  # noise changes neither
    for meter in told:
        assert (noisy[meter.name] > same[meter.name]) == meter.small_is_good


def test_silence_scores_low_and_never_fails(speech: np.ndarray, meters: Meters) -> None:
    found = measure(meters, speech, np.zeros_like(speech), "bin blue at f two now")
    assert found["ESTOI"] == found["STOI"] == 0
    assert found["PESQ"] == 1
    assert np.isnan([found[name] for name in ("MCD", "F0 RMSE", "speaker", "emotion")]).all()
    assert found["energy RMSE"] > 10
    assert found[wer(SLOTS)] == 100


def test_words_are_asked_of_those_who_know_them(speech: np.ndarray, meters: Meters) -> None:
    known = meters.measure(Pair(speech, speech, SAMPLE_RATE, "bin blue at f two now"))
    assert known.figures[wer(SLOTS)] == pytest.approx(100 * known.errors[wer(SLOTS)].errors / 6)
    assert known.heard[SLOTS].split()[0] in {"bin", "lay", "place", "set"}
    unknown = meters.measure(Pair(speech, speech, SAMPLE_RATE, "kids are talking by the door"))
    assert np.isnan(unknown.figures[wer(SLOTS)]) and not unknown.heard


def test_pitch_and_level_errors_are_what_was_done() -> None:
    low, high = tone(120.0), tone(150.0)
    assert pitch_error(low, high, SAMPLE_RATE) == pytest.approx(30, abs=1)
    assert level_error(low, 0.5 * low, SAMPLE_RATE) == pytest.approx(6.02, abs=0.05)
    assert np.isnan(pitch_error(low, np.zeros_like(low), SAMPLE_RATE))
    assert np.isnan(level_error(np.zeros_like(low), low, SAMPLE_RATE))
