"""A talker's clips: what cannot be learnt from is told by its name, before the long work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from imagintalk.adapting import clips as module
from imagintalk.adapting.clips import read_talker, words_of
from imagintalk.config import load_config
from imagintalk.demo import drop_sound
from imagintalk.dubbing.lips import WINDOW
from imagintalk.errors import ClipError, DataError, FaceError, ImaginTalkError, OptionError
from imagintalk.media.mux import write_video
from imagintalk.tokens.build import build_tokenizer
from imagintalk.types import Clip, Speech

TOKENIZER = build_tokenizer(load_config("tiny").tokens)


def embed(samples: np.ndarray, rate: int) -> np.ndarray:
    return np.full(256, 1 / 16, np.float32)


def quiet(share: float) -> None:
    pass


def blank(folder: Path, pictures: int) -> Path:
    """Nobody to be seen, a tone to be heard."""
    silent, path = folder / "silent.mp4", folder / "blank.mp4"
    with av.open(str(silent), "w") as writer:
        stream = writer.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(pictures):
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((120, 160, 3), 90, np.uint8), "rgb24")))
        writer.mux(stream.encode())
    tone = np.sin(np.arange(pictures * 960) / 20).astype(np.float32) / 2
    write_video(silent, Clip(silent), Speech(tone, 24_000), path)
    return path


def without_sound(folder: Path, clip: Path) -> Path:
    drop_sound(clip, folder / "mute.mp4")
    return folder / "mute.mp4"


def silent(folder: Path, clip: Path) -> Path:
    write_video(clip, Clip(clip), Speech(np.zeros(72_000, np.float32), 24_000), folder / "silence.mp4")
    return folder / "silence.mp4"


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (without_sound, ClipError, "mute.mp4: the file has no sound"),
        (silent, ClipError, "silence.mp4: expected the talker's sound, it is silent; leave it out"),
        (lambda folder, _: blank(folder, 150), FaceError, "blank.mp4: no face found"),
        (lambda folder, _: blank(folder, 12), ClipError, "expected a clip of at least 1 s, got 0.48 s"),
        (lambda folder, _: blank(folder, 50), ClipError, "expected 5 s of speech or more in all, got 2.0 s"),
        (lambda folder, _: folder / "absent.mp4", ClipError, "absent.mp4: no such file"),
    ],
    ids=["no sound", "silent", "no face", "too short", "too little", "absent"],
)
def test_clips_that_nothing_can_be_learnt_from(
    make: Callable[[Path, Path], Path],
    error: type[ImaginTalkError],
    says: str,
    tmp_path: Path,
    talking_clip: Path,
) -> None:
    with pytest.raises(error, match=says):
        read_talker([make(tmp_path, talking_clip)], TOKENIZER, embed, quiet)


def test_no_clip_at_all() -> None:
    with pytest.raises(OptionError, match="at least one clip"):
        read_talker([], TOKENIZER, embed, quiet)


def test_a_talker_is_read(talking_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_SPEECH_S", 1.0)
    shares: list[float] = []
    heard = read_talker([talking_clip], TOKENIZER, embed, shares.append)
    ((piece,),) = heard.clips
    assert piece.mouth.shape == (75, 96, 96) and piece.ids.shape == (150,) and heard.seconds == 3.0
    assert np.linalg.norm(heard.voice) == pytest.approx(1) and shares == [0.0, 1.0]


def test_long_clips_are_cut_into_what_the_aligner_sees_at_once() -> None:
    mouth, ids = np.zeros((2 * WINDOW + 10, 1, 1), np.uint8), np.arange(4 * WINDOW + 19)
    first, second = module._pieces(mouth, ids, ((0.0, 0.04, "bin"), (5.0, 5.02, "blue")))
    assert len(first.mouth) == len(second.mouth) == WINDOW  # the ten frames at the end are too few
    assert list(second.ids) == list(range(2 * WINDOW, 4 * WINDOW))
    assert first.words[:3] == ("bin", "bin", "") and second.words[:2] == ("blue", "")
    assert module._pieces(mouth, ids, ())[0].words == ()


def test_words_are_found_beside_the_clip_or_where_grid_has_them(tmp_path: Path) -> None:
    clip = tmp_path / "s4" / "bbilzs.mp4"
    clip.parent.mkdir()
    assert words_of(clip) == ()
    aligned = tmp_path / "align" / "s4"
    aligned.mkdir(parents=True)
    (aligned / "bbilzs.align").write_text("0 5000 sil\n5000 10000 bin\n", encoding="utf-8")
    assert words_of(clip) == ((0.2, 0.4, "bin"),)
    clip.with_suffix(".align").write_text("0 25000 set\n", encoding="utf-8")
    assert words_of(clip) == ((0.0, 1.0, "set"),)
    clip.with_suffix(".align").write_text("set\n", encoding="utf-8")
    with pytest.raises(DataError, match="bbilzs.align:1: expected `start end word`"):
        words_of(clip)
