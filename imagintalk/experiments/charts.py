"""Small plots: lines and matrices, side by side in one PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from imagintalk.errors import DataError
from imagintalk.media.files import whole_file

_INCHES = 4.2
_DPI = 100
_MOST_LABELS = 16


@dataclass(frozen=True)
class Line:
    """Points in order; NaN leaves a gap."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[tuple[float, float], ...] = ()
    """Lower and upper end at each point; none: no bars."""


@dataclass(frozen=True)
class Lines:
    """Lines over one axis."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    logarithmic: bool = False
    """The x axis, with base 2."""
    ticks: tuple[str, ...] = ()
    """Names of x = 0, 1, 2, ... instead of numbers."""


@dataclass(frozen=True)
class Matrix:
    """Values by row and column, the higher the brighter."""

    title: str
    x_label: str
    y_label: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


Panel = Lines | Matrix


def draw_panels(path: Path, panels: Sequence[Panel]) -> None:
    """Write a PNG. Raises DataError without panels, OutputError."""
    if not panels:
        raise DataError(f"{path}: expected at least one panel to draw, got none")
    # Without pyplot, which would pick a window system and keep every figure in memory.
    figure = Figure(figsize=(_INCHES * len(panels), 0.85 * _INCHES), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        axis.set_title(panel.title, fontsize=9)
        axis.set_xlabel(panel.x_label, fontsize=8)
        axis.set_ylabel("" if panel.y_label == panel.title else panel.y_label, fontsize=8)
        axis.tick_params(labelsize=7)
        if isinstance(panel, Matrix):
            _matrix(figure, axis, panel)
        else:
            _lines(axis, panel)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    with whole_file(path) as partial:
        partial.write_bytes(buffer.getvalue())


def _lines(axis: Axes, panel: Lines) -> None:
    for line in panel.lines:
        bars = None
        if line.spread:
            low, high = np.asarray(line.spread, dtype=np.float64).T
            bars = np.clip([line.y - low, high - line.y], 0, None)
        axis.errorbar(line.x, line.y, yerr=bars, marker="o", markersize=3, linewidth=1, capsize=2, label=line.name)
    if panel.logarithmic:
        axis.set_xscale("log", base=2)
    if panel.ticks:
        axis.set_xticks(range(len(panel.ticks)), panel.ticks, rotation=45, ha="right")
    axis.grid(alpha=0.3)
    if len(panel.lines) > 1:
        axis.legend(fontsize=6)


def _matrix(figure: Figure, axis: Axes, panel: Matrix) -> None:
    image = axis.imshow(np.asarray(panel.values, dtype=np.float64), aspect="auto", cmap="viridis")
    if len(panel.columns) <= _MOST_LABELS:
        axis.set_xticks(range(len(panel.columns)), panel.columns, rotation=60, ha="right")
        axis.set_yticks(range(len(panel.rows)), panel.rows)
    figure.colorbar(image, ax=axis).ax.tick_params(labelsize=7)
