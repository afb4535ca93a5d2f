"""The lag between lips and speech is the one that was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagintalk.errors import FaceError
from imagintalk.evaluation.lip_sync import lip_sync, mouth_opening
from imagintalk.media.audio import read_audio
from imagintalk.rates import SAMPLE_RATE

SECONDS = 3.0


def words(times: np.ndarray) -> np.ndarray:
    """0..1, three openings of the mouth."""
    return sum(np.exp(-(((times - at) / 0.12) ** 2)) for at in (0.7, 1.4, 2.3))


def speech(lag_s: float) -> np.ndarray:
    times = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(len(times))
    return (0.1 * (words(times - lag_s) + 0.01) * noise).astype(np.float32)


@pytest.fixture(scope="module")
def opening() -> np.ndarray:
    return words((np.arange(round(SECONDS * 25)) + 0.5) / 25)


@pytest.mark.parametrize("lag_s", [-0.2, 0.0, 0.04, 0.3])
def test_a_shift_is_found(opening: np.ndarray, lag_s: float) -> None:
    found = lip_sync(opening, speech(lag_s), SAMPLE_RATE)
    assert found.offset_s == pytest.approx(lag_s, abs=0.021)
    assert found.correlation > 0.8


def test_what_never_changes_has_no_offset(opening: np.ndarray) -> None:
    for still, samples in ((np.ones(75), speech(0)), (opening, np.zeros(72_000, np.float32)), (opening, speech(0)[:9])):
        assert np.isnan(lip_sync(still, samples, SAMPLE_RATE)).all()


def test_a_drawn_head_speaks_in_sync(talking_clip: Path) -> None:
    opening = mouth_opening(talking_clip)
    assert len(opening) == 75 and opening.max() > 2 * np.median(opening)
    sound = read_audio(talking_clip, SAMPLE_RATE)
    found = lip_sync(opening, sound, SAMPLE_RATE)
    late = lip_sync(opening, np.pad(sound, (SAMPLE_RATE // 5, 0)), SAMPLE_RATE)
    assert abs(found.offset_s) <= 0.12 and found.correlation > 0.3
    assert late.offset_s - found.offset_s == pytest.approx(0.2, abs=0.03)


def test_without_a_face_there_is_nothing_to_compare(tmp_path: Path) -> None:
    import av

    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(FaceError, match="expected a face"):
        mouth_opening(path)
