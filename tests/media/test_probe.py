"""What cannot be dubbed is refused in one clear line."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from coded_video import HEIGHT, WIDTH, MakeVideo, steady

from imagintalk.errors import ClipError
from imagintalk.media.audio import write_wav
from imagintalk.media.probe import probe
from imagintalk.types import Speech


def refused(path: Path, words: str) -> None:
    with pytest.raises(ClipError, match=words) as caught:
        probe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_facts_of_a_plain_clip(make_video: MakeVideo) -> None:
    info = probe(make_video("v.mp4", *steady(75, 25), sound=np.zeros(48_000, np.float32)))
    assert (info.width, info.height, info.duration_s, info.frame_rate) == (WIDTH, HEIGHT, 3, 25)
    assert (info.rotation, info.has_audio) == (0, True)
    assert not probe(make_video("silent.mp4", *steady(5, 25))).has_audio


def test_the_length_is_exact_for_fractional_rates(make_video: MakeVideo) -> None:
    times, last = steady(72, Fraction(24000, 1001))
    assert abs(probe(make_video("v.mp4", times, last)).duration_s - 72 * Fraction(1001, 24000)) < Fraction(1, 10_000)


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", "no such file")


def test_folder(tmp_path: Path) -> None:
    refused(tmp_path, "not a file")


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "empty")


@pytest.mark.parametrize("name", ["text.txt", "text.mp4", "text.md"])
def test_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("not a video\n" * 1000)
    refused(tmp_path / name, "expected a video|not a video")


@pytest.mark.parametrize("name", ["still.png", "still.jpg"])
def test_single_picture(tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), np.zeros((64, 64, 3), np.uint8))
    refused(tmp_path / name, "single picture")


def test_sound_only(tmp_path: Path) -> None:
    write_wav(tmp_path / "speech.wav", Speech(np.zeros(2400, np.float32), 24_000))
    refused(tmp_path / "speech.wav", "no picture stream")


def test_noise(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(100_000))
    refused(tmp_path / "noise.mp4", "not a video")


def test_header_without_frames(make_video: MakeVideo, tmp_path: Path) -> None:
    content = make_video("v.mkv", *steady(25, 25)).read_bytes()
    cluster = content.index(b"\x1f\x43\xb6\x75")  # the first cluster of Matroska: what lies before is all header
    (tmp_path / "header.mkv").write_bytes(content[:cluster])
    refused(tmp_path / "header.mkv", "no frame|not a video")


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may read everything")
def test_no_permission(make_video: MakeVideo) -> None:
    path = make_video("v.mp4", *steady(5, 25))
    path.chmod(0)
    refused(path, "permission")
