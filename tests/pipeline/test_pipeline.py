"""The whole way from a clip to speech, with a small random model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imagintalk import DubOptions, Pipeline
from imagintalk.config import Guidance
from imagintalk.dubbing.lips import WINDOW, windows
from imagintalk.dubbing.speech import fit_length
from imagintalk.errors import Cancelled, ClipError, FaceError, OptionError, VoiceError, WeightsError
from imagintalk.media.probe import probe
from imagintalk.types import Clip, DubResult, Emotion, Progress

CLOCK = Fraction(1, 90_000)


@pytest.fixture(scope="module")
def pipeline(tiny_model: Path) -> Pipeline:
    return Pipeline.load(tiny_model, device="cpu")


@pytest.fixture(scope="module")
def result(pipeline: Pipeline, talking_clip: Path) -> DubResult:
    return pipeline.dub(talking_clip, takes=2, seed=5)


@pytest.fixture(scope="module")
def pictures(talking_clip: Path) -> list[np.ndarray]:
    with av.open(str(talking_clip)) as reader:
        return [frame.to_ndarray(format="rgb24") for frame in reader.decode(video=0)]


def shown_at(path: Path, pictures: list[np.ndarray], times: Sequence[Fraction], last: Fraction) -> Path:
    """A video of the first pictures, each shown at its time, in seconds; `last` is how long the last one is shown."""
    rate = (len(times) / (times[-1] + last)).limit_denominator(1001)
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.codec_context.time_base = CLOCK
        for picture, time in zip(pictures, times, strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time / CLOCK), CLOCK
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode())
    return path


def steady(count: int, rate: Fraction) -> tuple[list[Fraction], Fraction]:
    return [index / rate for index in range(count)], 1 / rate


def variable(count: int) -> tuple[list[Fraction], Fraction]:
    """Frames that last 1/60, 1/24 and 1/10 s in turn, the last one as long as they do on average."""
    lengths = [Fraction(1, (60, 24, 10)[index % 3]) for index in range(count - 1)]
    return [sum(lengths[:index], Fraction(0)) for index in range(count)], sum(lengths, Fraction(0)) / len(lengths)


@pytest.mark.parametrize(
    ("name", "timing"),
    [
        ("23.976", steady(17, Fraction(24000, 1001))),
        ("29.97", steady(20, Fraction(30000, 1001))),
        ("30", steady(19, Fraction(30))),
        ("50", steady(31, Fraction(50))),
        ("60", steady(41, Fraction(60))),
        ("variable", variable(13)),
    ],
)
def test_speech_is_as_long_as_the_picture_to_the_sample(
    name: str, timing: tuple[list[Fraction], Fraction], pictures: list[np.ndarray], pipeline: Pipeline, tmp_path: Path
) -> None:
    times, last = timing
    clip = shown_at(tmp_path / f"{name}.mp4", pictures, times, last)
    samples = pipeline.dub(clip, emotion="neutral").takes[0].speech.samples
    assert len(samples) == round(probe(clip).duration_s * 24_000)
    # Time stamps are whole ticks of the file's clock, 1/90000 s; 30, 50 and 60 divide it.
    assert abs(len(samples) - round((times[-1] + last) * 24_000)) <= (0 if name in ("30", "50", "60") else 1)


def test_a_range_gives_its_own_length(pipeline: Pipeline, talking_clip: Path) -> None:
    result = pipeline.dub(Clip(talking_clip, 0.513, 1.25), emotion="sad")
    assert len(result.takes[0].speech.samples) == round((1.25 - 0.513) * 24_000)


def test_a_retimed_clip_is_spoken_in_the_time_that_it_is_shown(
    pipeline: Pipeline, talking_clip: Path, result: DubResult
) -> None:
    times = ((0.0, 1.0), (0.5, 0.5), (0.913, 0.913))  # backwards, then forwards
    retimed = pipeline.dub(talking_clip, times=times, emotions=((0.0, "sad", 1.0), (0.8, "happy", 1.0)))
    assert len(retimed.takes[0].speech.samples) == round(0.913 * 24_000)

    def apart(frames: Sequence[int]) -> float:
        return float(np.abs(retimed.crops.mouth / 255 - result.crops.mouth[list(frames)] / 255).mean())

    assert apart([*range(25, 12, -1), *range(13, 23)]) < 0.5 * apart(range(23))
    sad, happy = retimed.style.emotion[:, Emotion.SAD], retimed.style.emotion[:, Emotion.HAPPY]
    np.testing.assert_allclose(sad + happy, 1, atol=1e-6)
    assert sad[0] > 0.98 and (np.diff(happy[:39]) > 0).all() and happy[-1] == 1


def test_hand_offs_fit_each_other(result: DubResult) -> None:
    assert result.crops.mouth.shape == (75, 96, 96)
    content = result.content
    for track in (content.ids, content.similarity, content.masked, content.refilled, content.probability):
        assert track.shape == (150,)
    kept = ~content.masked
    np.testing.assert_array_equal(content.ids[kept], content.refilled[kept])
    np.testing.assert_allclose(content.weights.sum(1), 1, rtol=1e-4)
    np.testing.assert_array_equal(content.weights.argmax(1), content.refilled)
    assert result.style.emotion.shape == (150, len(Emotion))
    np.testing.assert_allclose(np.linalg.norm(result.style.c_id), 1.0, rtol=1e-4)
    for take in result.takes:
        assert take.codes.shape == (12, 150)
        assert take.codes.min() >= 0
        assert take.codes.max() < 16
        assert take.speech.samples.shape == (72_000,)
        assert np.abs(take.speech.samples).max() <= 1
    assert all(seconds > 0 for seconds in result.timings_s.values())


def test_takes_differ_and_a_seed_repeats_itself(result: DubResult, pipeline: Pipeline, talking_clip: Path) -> None:
    first, second = result.takes
    assert (first.seed, second.seed) == (5, 6)
    assert (first.codes != second.codes).any()
    again = pipeline.dub(talking_clip, seed=6).takes[0]
    # Sampled alone or beside another take: the same noise, so the same codes save for rounding on the edge.
    assert (again.codes == second.codes).mean() > 0.95


def test_many_takes_are_sampled_in_groups(
    pipeline: Pipeline, talking_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = pipeline.dub(talking_clip, end=0.4, emotion="neutral", takes=3)
    monkeypatch.setattr("imagintalk.dubbing.speech.TAKES_AT_ONCE", 2)
    seen: list[Progress] = []
    grouped = pipeline.dub(talking_clip, end=0.4, emotion="neutral", takes=3, notify=seen.append)
    for one, other in zip(together.takes, grouped.takes, strict=True):
        assert one.seed == other.seed
        assert (one.codes == other.codes).mean() > 0.95
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    # Two groups, so the sampler reports nearly twice as often as one would.
    alone: list[Progress] = []
    pipeline.dub(talking_clip, end=0.4, emotion="neutral", notify=alone.append)
    assert [p.stage for p in seen].count("imagining the speech") > 1.8 * [p.stage for p in alone].count(
        "imagining the speech"
    )


def test_named_emotion_and_intensity_reach_the_style(pipeline: Pipeline, talking_clip: Path) -> None:
    style = pipeline.dub(talking_clip, end=0.4, emotion="angry", intensity=0.25).style
    assert style.emotion[:, Emotion.ANGRY] == pytest.approx(0.25)
    assert style.emotion[:, Emotion.NEUTRAL] == pytest.approx(0.75)


def test_a_recording_gives_its_voice(pipeline: Pipeline, talking_clip: Path, result: DubResult) -> None:
    style = pipeline.dub(talking_clip, end=0.4, emotion="neutral", voice=talking_clip).style
    assert np.linalg.norm(style.c_id) == pytest.approx(1, abs=1e-4)
    assert style.c_id @ result.style.c_id < 0.999
    assert style.prompt is not None and result.style.prompt is None
    levels, frames = style.prompt.codes.shape
    assert (levels, frames) == (pipeline.parts.config.codec.levels, 100)  # two seconds of it are listened to
    assert len(style.prompt.ids) == frames


def test_threshold_decides_what_is_refilled(pipeline: Pipeline, talking_clip: Path) -> None:
    none = pipeline.dub(talking_clip, end=0.4, emotion="neutral", threshold=-1.0).content
    everything = pipeline.dub(talking_clip, end=0.4, emotion="neutral", threshold=1.0).content
    assert not none.masked.any()
    assert everything.masked.mean() > 0.9


def test_regeneration_keeps_what_lies_outside(pipeline: Pipeline, result: DubResult) -> None:
    take = pipeline.regenerate(result, 1, 1.0, 1.5, seed=99)
    before = result.takes[1].codes
    np.testing.assert_array_equal(take.codes[:, :50], before[:, :50])
    np.testing.assert_array_equal(take.codes[:, 75:], before[:, 75:])
    assert (take.codes[:, 50:75] != before[:, 50:75]).any()
    assert len(take.speech.samples) == 72_000


def test_regeneration_refuses_parts_that_are_not_there(pipeline: Pipeline, result: DubResult) -> None:
    with pytest.raises(ClipError, match="expected a part of the clip"):
        pipeline.regenerate(result, 0, 2.0, 9.0, seed=0)
    with pytest.raises(OptionError, match="take 7"):
        pipeline.regenerate(result, 7, 0.0, 1.0, seed=0)


def test_progress_rises_to_one_and_names_every_stage(pipeline: Pipeline, talking_clip: Path) -> None:
    seen: list[Progress] = []
    result = pipeline.dub(talking_clip, end=0.4, notify=seen.append)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == pytest.approx(1)
    assert {progress.stage for progress in seen} == set(result.timings_s)


@pytest.mark.parametrize("stage", ["reading the face", "reading the lips", "imagining the speech"])
def test_cancel_stops_within_a_step(stage: str, pipeline: Pipeline, talking_clip: Path) -> None:
    reports: list[str] = []

    def stop(progress: Progress) -> None:
        reports.append(progress.stage)
        if reports.count(stage) == 3:
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled):
        pipeline.dub(talking_clip, end=0.4, notify=stop)
    assert reports.count(stage) == 3
    assert reports[-1] == stage


def test_wrong_options_are_found_before_any_work(pipeline: Pipeline, talking_clip: Path) -> None:
    for options, says in (
        ({"emotion": "bored"}, "neutral, calm, happy"),
        ({"intensity": 1.5}, "0 to 1"),
        ({"takes": 0}, "1 or more"),
        ({"seed": -1}, "whole number"),
        ({"threshold": 2.0}, "similarity"),
        ({"guidance": float("nan")}, "finite"),
        ({"sampler": "heun"}, "one of euler, analytic, confidence, halton, remasking"),
        ({"steps": 0}, "expected 1 to 1024"),
        ({"steps": 10**8}, "expected 1 to 1024"),
        ({"face": -1}, "largest face"),
    ):
        with pytest.raises(OptionError, match=says):
            pipeline.dub(talking_clip, notify=lambda _: pytest.fail("work began"), **options)
    with pytest.raises(VoiceError, match="no such voice"):
        pipeline.dub(talking_clip, voice="nobody")
    with pytest.raises(FaceError, match="no face 3"):
        pipeline.dub(talking_clip, end=0.4, face=3)


def test_loading_tells_what_is_wrong(tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(WeightsError, match="no such model"):
        Pipeline.load(tmp_path)
    with pytest.raises(OptionError, match="auto, cpu, cuda"):
        Pipeline.load(tiny_model, device="tpu")


def test_options_fall_back_to_the_config(pipeline: Pipeline) -> None:
    config = pipeline.parts.config
    assert DubOptions().sampler_options(config).steps == config.diffusion.steps
    assert DubOptions(guidance=2.0).guidance_weights(config) == Guidance(joint=2.0)
    assert DubOptions(threshold=0.5).detector(config).threshold == 0.5


def test_voice_and_emotion_are_steered_to_where_they_are_asked_for(pipeline: Pipeline) -> None:
    usual = Guidance(joint=1.5, lip=1.0, identity=2.0, emotion=3.0)
    config = pipeline.parts.config
    config = dataclasses.replace(config, diffusion=dataclasses.replace(config.diffusion, guidance=usual))
    for options, identity, emotion in (
        (DubOptions(), 0, 0),
        (DubOptions(voice="joe"), 2, 0),
        (DubOptions(emotion="happy"), 0, 3),
        (DubOptions(emotions=((0.0, "auto", 1.0), (1.0, "sad", 1.0)), voice="joe"), 2, 3),
    ):
        assert options.guidance_weights(config) == dataclasses.replace(usual, identity=identity, emotion=emotion)


@pytest.mark.parametrize("frames", [1, WINDOW, WINDOW + 1, 3 * WINDOW, 1000])
def test_lip_windows_answer_for_every_frame_once(frames: int) -> None:
    answered = [index for seen, kept in windows(frames) for index in range(kept.start, kept.stop)]
    assert answered == list(range(frames))
    for seen, kept in windows(frames):
        assert seen.start <= kept.start
        assert kept.stop <= min(seen.stop, frames)
        # Away from the clip's ends there is context on both sides.
        assert kept.start == 0 or kept.start - seen.start >= 12
        assert kept.stop == frames or seen.stop - kept.stop >= 12


def test_length_is_cut_or_followed_by_silence() -> None:
    samples = np.full(10, 2.0, np.float32)
    np.testing.assert_array_equal(fit_length(samples, 4), np.ones(4))
    np.testing.assert_array_equal(fit_length(samples, 12), [1.0] * 10 + [0.0, 0.0])
