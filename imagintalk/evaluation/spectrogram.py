"""Spectrograms under each other in one picture, all with the same time, frequency and loudness scale."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from imagintalk.data.recording import Words
from imagintalk.errors import DataError
from imagintalk.media.files import whole_file
from imagintalk.types import Speech

HIGHEST_HZ = 8000
RANGE_DB = 80
"""From the loudest point of all panels down."""
_STEPS_A_SECOND = 200


@dataclass(frozen=True)
class Panel:
    """One recording and what is written over it."""

    title: str
    speech: Speech
    words: Words = ()
    """(start, end, word) in seconds."""


def draw_spectrograms(path: Path, panels: Sequence[Panel]) -> None:
    """Write a PNG with one spectrogram a panel, top to bottom. Raises DataError without panels, OutputError."""
    if not panels:
        raise DataError(f"{path}: expected at least one recording to draw, got none")
    levels = [_decibels(panel.speech) for panel in panels]
    loudest = max(float(level.max()) for level in levels)
    longest = max(len(panel.speech.samples) / panel.speech.rate for panel in panels)
    # The figure is used without pyplot, which would pick a window system and keep every figure in memory.
    figure = Figure(figsize=(max(6.0, 3.2 * longest), 2.6 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, panel, level in zip(axes, panels, levels, strict=True):
        duration = len(panel.speech.samples) / panel.speech.rate
        image = axis.imshow(
            level,
            origin="lower",
            aspect="auto",
            extent=(0, duration, 0, panel.speech.rate / 2),
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            cmap="magma",
        )
        axis.set_title(panel.title, loc="left")
        axis.set_ylabel("Hz")
        for start, end, word in panel.words:
            axis.axvline(start, color="white", linewidth=0.5)
            axis.axvline(end, color="white", linewidth=0.5)
            axis.text((start + end) / 2, 0.93 * HIGHEST_HZ, word, color="white", ha="center", va="top")
    axes[0].set_xlim(0, longest)
    axes[0].set_ylim(0, HIGHEST_HZ)
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=list(axes), label="dB")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    with whole_file(path) as partial:
        partial.write_bytes(buffer.getvalue())


def _decibels(speech: Speech) -> NDArray[np.float64]:
    """(bins, frames) power in dB, 200 frames a second; each is 25 ms; a sine at full scale is 0 dB."""
    hop, window = speech.rate // _STEPS_A_SECOND, speech.rate // 40
    spectrum = librosa.stft(np.asarray(speech.samples, dtype=np.float32), n_fft=window, hop_length=hop)
    return 10 * np.log10(np.square(np.abs(spectrum) * 4 / window, dtype=np.float64) + 1e-10)
