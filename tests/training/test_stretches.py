"""Retimed and spliced training clips: every frame shows, says and sounds what its recording does at one time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagintalk.data.cache import Example, read_cache, write_index
from imagintalk.data.recording import Recording
from imagintalk.training.stretches import TEMPO, StretchDraw, between, nearest, whole

WORDS = ((0.4, 1.0, "bin"), (1.0, 1.6, "blue"), (1.6, 2.4, "now"))
FRAMES = 75


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    """Two recordings of three words; each video frame's number is its brightness."""
    folder = tmp_path / "grid"
    folder.mkdir()
    names = ("one", "two")
    recordings = [Recording(n, folder / "none.mp4", "s1", "train", True, words=WORDS) for n in names]
    write_index(folder, "grid", recordings)
    for name in names:
        mouth = np.broadcast_to(np.arange(80, dtype=np.uint8)[:, None, None], (80, 4, 4))
        np.savez(folder / f"s1_{name}.picture.npz", mouth=mouth)
    return read_cache(tmp_path)


def test_stretches_fill_the_clip_within_their_recordings(examples: list[Example]) -> None:
    draw, rng = StretchDraw(examples), np.random.default_rng(0)
    spliced, tempos = 0, []
    for _ in range(60):
        stretches = draw.draw(examples[0], FRAMES, rng)
        assert 0 < sum(len(s.places) for s in stretches) <= FRAMES
        for stretch in stretches:
            assert stretch.places[0] >= 0 and stretch.places[-1] <= 79
            steps = np.diff(stretch.places)
            np.testing.assert_allclose(steps, steps[0])
            assert TEMPO[0] <= steps[0] <= TEMPO[1]
            tempos.append(steps[0])
        if len(stretches) == 2:
            spliced += 1
            first, second = stretches
            edges = [25 * start for start, _, _ in WORDS[1:]]
            edge = min(edges, key=lambda place: abs(first.places[-1] + tempos[-1] - place))
            assert first.places[-1] < edge <= first.places[-1] + tempos[-1] + 1e-9
            assert second.places[0] == pytest.approx(edge)  # the sentence goes on with the next word
    assert 10 < spliced < 40
    assert max(tempos) > 1.05 and min(tempos) < 0.95


def test_picture_and_sound_of_a_stretch_are_of_one_time(examples: list[Example]) -> None:
    stretch = StretchDraw(examples).draw(examples[0], FRAMES, np.random.default_rng(3))[0]
    shown = between(examples[0].picture["mouth"], stretch.places)[:, 0, 0]
    np.testing.assert_allclose(shown, stretch.places, rtol=1e-5)
    heard = between(np.arange(160)[:, None] / 2, stretch.places50)[:, 0]
    np.testing.assert_allclose(heard[::2], stretch.places, rtol=1e-5)
    np.testing.assert_allclose(heard[1::2], stretch.places + 0.5, rtol=1e-5)
    said = nearest(np.arange(160), stretch.places50)
    assert np.abs(said - stretch.places50).max() <= 0.5


def test_a_whole_example_is_as_it_was_recorded(examples: list[Example]) -> None:
    (stretch,) = whole(examples[0], FRAMES)
    np.testing.assert_array_equal(stretch.places, np.arange(FRAMES))
    np.testing.assert_array_equal(nearest(np.arange(160), stretch.places50), np.arange(2 * FRAMES))
