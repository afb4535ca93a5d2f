"""Loudness against the values that BS.1770 and EBU Tech 3341 name; takes as files. No Blender needed."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import soundfile

from imagintalk_addon.loudness import loudness
from imagintalk_addon.sound_file import Finish, finish_wav


def _sine(hertz: float, level_db: float, seconds: float, rate: int) -> np.ndarray:
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_a_full_scale_sine_of_997_hz_in_one_channel_is_minus_3_01(rate: int) -> None:
    assert loudness(_sine(997, 0, 5, rate), rate) == pytest.approx(-3.01, abs=0.05)


def test_filters_follow_the_table_of_the_standard() -> None:
    """BS.1770-4 tables 1 and 2 give the filters at 48 kHz."""
    from imagintalk_addon.loudness import _high_pass, _shelf

    b, a = _shelf(48_000)
    assert b == pytest.approx((1.53512485958697, -2.69169618940638, 1.19839281085285), abs=1e-9)
    assert a == pytest.approx((-1.69065929318241, 0.73248077421585), abs=1e-9)
    b, a = _high_pass(48_000)
    assert b == (1.0, -2.0, 1.0)
    assert a == pytest.approx((-1.99004745483398, 0.99007225036621), abs=1e-9)


def test_gates_leave_out_silence_and_what_is_much_quieter() -> None:
    """EBU Tech 3341, cases 3 and 5 in one channel: 1 kHz at -36, -23, -36 dBFS reads as the loud part alone."""
    parts = [_sine(1000, level, seconds, 48_000) for level, seconds in ((-36, 10), (-23, 60), (-36, 10))]
    assert loudness(np.concatenate(parts), 48_000) == pytest.approx(-23 - 3.01, abs=0.1)
    quiet = np.concatenate([_sine(1000, -23, 20, 48_000), np.zeros(48_000 * 20)])
    assert loudness(quiet, 48_000) == pytest.approx(-23 - 3.01, abs=0.1)


def test_silence_and_what_is_too_short_have_none() -> None:
    assert loudness(np.zeros(48_000), 48_000) == -math.inf
    assert loudness(_sine(1000, 0, 0.39, 48_000), 48_000) == -math.inf


def _wav(samples: np.ndarray, rate: int = 24_000) -> bytes:
    """With a chunk that says something, before the samples and after them."""
    data = np.rint(samples * 32767).astype("<i2").tobytes()
    said = b"LIST" + (12).to_bytes(4, "little") + b"INFOICMTmade"
    form = b"fmt " + (16).to_bytes(4, "little") + np.array([1, 1], "<u2").tobytes()
    form += np.array([rate, 2 * rate], "<u4").tobytes() + np.array([2, 16], "<u2").tobytes()
    body = b"WAVE" + form + said + b"data" + len(data).to_bytes(4, "little") + data + said
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _samples(content: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(content))[0]


def test_level_reaches_its_aim_as_far_as_peaks_allow_and_what_the_file_says_stays() -> None:
    content = _wav(_sine(300, -30, 3, 24_000))
    louder = finish_wav(content, Finish(lufs=-23.0))
    assert loudness(_samples(louder), 24_000) == pytest.approx(-23, abs=0.05)
    assert louder.count(b"ICMTmade") == 2
    spiky = _sine(300, -40, 3, 24_000)
    spiky[1000] = 0.5
    loudest = _samples(finish_wav(_wav(spiky), Finish(lufs=-16.0)))
    assert np.abs(loudest).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


def test_fades_begin_and_end_in_silence_and_leave_the_middle() -> None:
    content = _wav(np.full(24_000, 0.5))
    faded = _samples(finish_wav(content, Finish(fade_s=0.1)))
    assert abs(faded[0]) < 1e-3
    assert abs(faded[-1]) < 1e-3
    assert (np.diff(faded[:2400]) >= 0).all()
    assert (faded[2400:-2400] == _samples(content)[2400:-2400]).all()


def test_no_finish_is_the_same_sound_in_24_bits_and_other_files_are_refused() -> None:
    content = _wav(_sine(300, -30, 1, 24_000)[:-1])  # an odd number of bytes, which the file must make even
    finished = finish_wav(content, Finish())
    assert soundfile.info(io.BytesIO(finished)).subtype == "PCM_24"
    assert (_samples(finished) == _samples(content)).all()
    assert finished.count(b"ICMTmade") == 2
    for wrong in (b"", b"RIFF", b"RIFF1234WAVE", content.replace(b"fmt ", b"fmtx")):
        with pytest.raises(OSError, match="not a 16-bit mono WAV"):
            finish_wav(wrong, Finish())
