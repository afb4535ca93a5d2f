"""A small prepared corpus of made-up sound and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagintalk.data.cache import write_index
from imagintalk.data.recording import Recording
from imagintalk.types import Emotion

FRAMES = 75


@pytest.fixture(scope="session")
def made_up_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six training and two validation recordings of two talkers, laid out as `imagintalk prepare` leaves them."""
    root = tmp_path_factory.mktemp("cache")
    folder = root / "grid"
    folder.mkdir()
    rng = np.random.default_rng(0)
    recordings = []
    for number in range(8):
        words = ((0.2, 1.0, "bin"), (1.0, 1.6, "blue"), (1.6, 2.4, "at"))
        split = "validation" if number >= 6 else "train"
        recording = Recording(
            f"made{number}", root / "none.mp4", f"t{number % 2}", split, True, words, emotion=Emotion(number % 8)
        )
        recordings.append(recording)
        name = folder / f"t{number % 2}_made{number}"
        time = np.arange(FRAMES * 960) / 24_000
        tone = np.sin(2 * np.pi * (110 + 20 * number) * time) * (np.sin(2 * np.pi * time) > 0)
        samples = (3000 * tone + rng.normal(0, 300, len(time))).astype(np.int16)
        pitch = np.where(np.arange(FRAMES * 4) % 100 < 50, 110 + 20 * number, 0).astype(np.float32)
        np.savez(f"{name}.sound.npz", samples=samples, pitch=pitch)
        voice = np.abs(rng.normal(size=256)).astype(np.float32)
        np.savez(f"{name}.voice.npz", ge2e=voice / np.linalg.norm(voice))
        np.savez(
            f"{name}.picture.npz",
            mouth=rng.integers(0, 255, (FRAMES, 96, 96), dtype=np.uint8),
            identity=rng.normal(size=128).astype(np.float32),
            expression=np.full((25, 8), 1 / 8, np.float32),
            expression_frames=np.arange(0, FRAMES, 3),
        )
    write_index(folder, "grid", recordings)
    return root
