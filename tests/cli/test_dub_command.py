"""`imagintalk dub` as a user runs it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from imagintalk.cli import main
from imagintalk.models import ModelStore
from imagintalk.provenance import STATEMENT, sha256_of

Dub = Callable[..., int]


@pytest.fixture
def dub(tiny_model: Path, talking_clip: Path) -> Dub:
    """dub(*options): the exit code of dubbing the first 0.4 s of a drawn clip with a small random model."""

    def run(*options: str | Path, clip: Path = talking_clip, model: Path = tiny_model) -> int:
        named = ["--model", model, "--end", "0.4", "--emotion", "neutral"]
        return main(["dub", str(clip), *map(str, [*named, *options])])

    return run


def video(path: Path, pictures: int, shade: int = 90) -> Path:
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(pictures):
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((120, 160, 3), shade, np.uint8), "rgb24")))
        writer.mux(stream.encode())
    return path


def sound(path: Path, seconds: float = 1.0) -> Path:
    soundfile.write(path, np.zeros(round(seconds * 24_000)), 24_000)
    return path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_wav_and_report(dub: Dub, tmp_path: Path, tiny_model: Path, talking_clip: Path) -> None:
    out, told = tmp_path / "speech.wav", tmp_path / "report.json"
    assert dub("-o", out, "--report", told, "--seed", "3", "--guidance", "joint=1.2,emotion=0.5") == 0
    with soundfile.SoundFile(out) as wav:
        assert (wav.samplerate, wav.channels, wav.subtype, wav.frames) == (24_000, 1, "PCM_16", 9600)
        assert wav.comment.startswith(STATEMENT)
        assert sha256_of(talking_clip) in wav.comment
    report = json.loads(told.read_text())
    assert report["takes"][0]["seed"] == 3
    assert report["takes"][0]["emotion"] == "neutral"
    assert report["samples"] == 9600
    assert report["face"]["index"] == 0
    assert report["face"]["bridged_s"] == []
    assert len(report["tokens"]["read"]) == len(report["tokens"]["spoken"]) == len(report["emotion"]["track"]) == 20
    assert report["masked"]["of"] == 20
    assert 0 <= report["confidence"] <= 1
    assert set(report["timings_s"]) >= {"reading the face", "reading the lips", "imagining the speech"}
    assert isinstance(report["warnings"], list)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "speech.wav"]


@pytest.mark.parametrize("suffix", [".wav", ".mp4"])
def test_sidecars_tell_how_each_take_was_made(
    suffix: str, dub: Dub, tmp_path: Path, tiny_model: Path, talking_clip: Path
) -> None:
    assert dub("-o", tmp_path / f"speech{suffix}", "--sidecar", "--takes", "2", "--seed", "4") == 0
    for number in (1, 2):
        path = tmp_path / f"speech_{number}{suffix}"
        told = json.loads((tmp_path / f"{path.name}.json").read_text())
        assert told["statement"] == STATEMENT and told["generator"] == "ImaginTalk" and told["program_version"]
        assert (told["model"], told["model_sha256"]) == ("tiny", ModelStore(tiny_model).sha256)
        assert (told["seed"], told["emotion"], told["voice"]) == (3 + number, "neutral", "auto")
        assert (told["clip_sha256"], told["start_s"], told["end_s"]) == (sha256_of(talking_clip), 0.0, 0.4)
        assert told["file_sha256"] == sha256_of(path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_report_may_not_have_the_name_of_a_sidecar(dub: Dub, tmp_path: Path) -> None:
    assert dub("-o", tmp_path / "s.wav", "--sidecar", "--report", tmp_path / "s.wav.json") == 2
    assert not list(tmp_path.iterdir())


def test_takes_are_numbered(dub: Dub, tmp_path: Path) -> None:
    assert dub("-o", tmp_path / "speech.wav", "--takes", "2") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["speech_1.wav", "speech_2.wav"]
    first, second = (soundfile.read(tmp_path / f"speech_{number}.wav")[0] for number in (1, 2))
    assert (first != second).any()


def test_video_gets_the_speech_as_its_only_sound(dub: Dub, tmp_path: Path) -> None:
    out = tmp_path / "dubbed.mp4"
    assert dub("-o", out) == 0
    with av.open(str(out)) as reader:
        assert len(reader.streams.video) == len(reader.streams.audio) == 1
        assert STATEMENT in reader.metadata["comment"]
        assert sum(1 for _ in reader.decode(video=0)) >= 10


def test_warnings_are_words_on_standard_error(dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dub("-o", tmp_path / "speech.wav", "--threshold", "1") == 0
    shown = capsys.readouterr()
    assert "warning: " in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--start", "7"], "start 7 s lies outside of the clip; the clip is 3.000 s long"),
        (["--end", "5"], "end 5 s lies outside of the clip"),
        (["--emotion", "bored"], "one of neutral, calm, happy, sad, angry, fearful, disgust, surprised"),
        (["--intensity", "2"], "expected a number from 0 to 1"),
        (["--voice", "missing.wav"], "missing.wav: no such voice"),
        (["--sampler", "heun"], "expected one of euler, analytic, confidence, halton, remasking"),
        (["--steps", "0"], "steps: expected 1 to 1024"),
        (["--takes", "0"], "takes 0: expected 1 or more"),
        (["--guidance", "lips=1"], "expected a number or weights such as joint=1.5,emotion=1"),
        (["--device", "tpu"], "expected one of auto, cpu, cuda"),
        (["--face", "4"], "no face 4"),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'; see imagintalk dub --help"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_2(
    options: list[str], says: str, dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: int | str | None = dub("-o", tmp_path / "speech.wav", *options)
    except SystemExit as stop:  # argparse's own
        code = stop.code
    assert code == 2
    assert says in one_line(capsys)
    assert not list(tmp_path.iterdir())


def test_cuda_is_asked_for_where_there_is_none(
    dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert dub("-o", tmp_path / "speech.wav", "--device", "cuda") == 2
    assert "no CUDA GPU" in one_line(capsys)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "missing.mp4", "no such file"),
        (lambda folder: folder, "not a file"),
        (lambda folder: (folder / "empty.mp4").touch() or folder / "empty.mp4", "the file is empty"),
        (lambda folder: (folder / "a.mp4").write_text("words " * 99) and folder / "a.mp4", "expected a video file"),
        (lambda folder: sound(folder / "sound.wav"), "no picture stream"),
        (lambda folder: video(folder / "blank.mp4", 12), "no face found"),
    ],
    ids=["missing", "folder", "empty", "text", "sound only", "no face"],
)
def test_wrong_clips_are_one_line_and_exit_code_2(
    make: Callable[[Path], Path], says: str, dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, outputs = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    outputs.mkdir()
    clip = make(inputs)
    assert dub("-o", outputs / "speech.wav", clip=clip) == 2
    told = one_line(capsys)
    assert str(clip) in told
    assert says in told or (says == "expected a video file" and "not a video" in told)
    assert not list(outputs.iterdir())


def test_a_video_of_no_frames(dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = video(tmp_path / "none.mp4", 12)
    head, pictures = clip.read_bytes().split(b"mdat", 1)
    media, index = pictures.split(b"moov", 1)
    clip.write_bytes(head + b"mdat" + bytes(len(media) - 4) + media[-4:] + b"moov" + index)  # every packet blanked
    assert dub("-o", tmp_path / "speech.wav", clip=clip) == 2
    assert "no frame that can be decoded" in one_line(capsys)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"not sound at all" * 99, "not a video or audio file"), (None, "silent")],
    ids=["unreadable", "silent"],
)
def test_voices_that_cannot_be_used(
    content: bytes | None, says: str, dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = tmp_path / "voice.wav"
    sound(voice) if content is None else voice.write_bytes(content)
    assert dub("-o", tmp_path / "speech.wav", "--voice", voice) == 2
    told = one_line(capsys)
    assert str(voice) in told
    assert says in told
    assert not (tmp_path / "speech.wav").exists()


def test_weights_missing_and_corrupt(
    dub: Dub, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert dub("-o", out / "speech.wav", model=tmp_path / "nowhere") == 2
    assert "no such model" in one_line(capsys)
    model = tmp_path / "model"
    model.mkdir()
    for path in tiny_model.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    part = next(model.glob("codec-*"))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert dub("-o", out / "speech.wav", model=model) == 2
    assert "expected SHA-256" in one_line(capsys)
    part.unlink()
    assert dub("-o", out / "speech.wav", model=model) == 2
    assert "the file is missing" in one_line(capsys)
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("speech.mp3", "expected a name ending in .wav"),
        ("none/speech.wav", "there is no folder"),
        (".", "unknown kind of file"),
    ],
)
def test_wrong_outputs_are_told_before_the_work(
    name: str, says: str, dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagintalk.pipeline.Pipeline.load", lambda *_: pytest.fail("the model was loaded"))
    assert dub("-o", tmp_path / name) == 2
    assert says in one_line(capsys)


def test_the_clip_is_never_overwritten(dub: Dub, tmp_path: Path, talking_clip: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(talking_clip.read_bytes())
    assert dub("-o", clip, clip=clip) == 2
    assert dub("-o", tmp_path / "speech.wav", "--report", clip, clip=clip) == 2
    assert clip.read_bytes() == talking_clip.read_bytes()


@pytest.mark.parametrize("full", [".wav", ".json"])
def test_no_space_leaves_nothing(
    full: str, dub: Dub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the speech, or when the report is written; an older file stays as it was."""

    def refuse(real: Callable[..., int]) -> Callable[..., int]:
        def write(self: Path, *content: object, **how: object) -> int:
            if self.suffix == full and self.parent == tmp_path:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(self, *content, **how)

        return write

    monkeypatch.setattr(Path, "write_bytes", refuse(Path.write_bytes))
    monkeypatch.setattr(Path, "write_text", refuse(Path.write_text))
    out, report = tmp_path / "speech.wav", tmp_path / "report.json"
    out.touch()
    assert dub("-o", out, "--report", report) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert f"{out if full == '.wav' else report}: no space left on the disk" in told
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]
    assert out.stat().st_size == 0


WATCHED = """
import signal, sys
from contextlib import contextmanager
import imagintalk.console
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
@contextmanager
def told():
    yield lambda progress: print(progress.stage, flush=True)
imagintalk.console.progress_bar = told
from imagintalk.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("stage", ["loading the program", "reading the face", "imagining the speech"])
def test_ctrl_c_leaves_nothing(stage: str, tiny_model: Path, talking_clip: Path, tmp_path: Path) -> None:
    """In a process of its own, which tells its stages."""
    outputs = ["-o", tmp_path / "speech.wav", "--report", tmp_path / "report.json"]
    command = [sys.executable, "-c", WATCHED, "dub", talking_clip, *outputs, "--model", tiny_model, "--steps", "1000"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        while process.stdout.readline().strip() != stage:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert shown.splitlines()[-1] == "imagintalk: stopped"
    assert "Traceback" not in shown
    assert not list(tmp_path.iterdir())
