"""Long clips: each window continues the last one, whose end it keeps as known codes. Infilling and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from imagintalk.diffusion.guidance import ScoreFn
from imagintalk.diffusion.sampler import SamplerOptions, sample
from imagintalk.errors import OptionError
from imagintalk.rates import TOKEN_HZ


def window_ranges(frames: int, window: int, overlap: int, frame_rate: int) -> Iterator[tuple[int, int]]:
    """Start and stop of each window in codec frames. The first starts at 0; later ones go back by `overlap`.

    Starts fall on whole 50 Hz frames. Raises OptionError unless a window is longer than its overlap.
    """
    grid = frame_rate // math.gcd(frame_rate, TOKEN_HZ)
    stride = (window - overlap) // grid * grid
    if overlap < 0 or stride < 1:
        raise OptionError(f"windows: expected an overlap shorter than the window, got {overlap} of {window} frames")
    start = 0
    yield 0, min(window, frames)
    while start + window < frames:
        start += stride
        yield start, min(start + window, frames)


def sample_windows(
    score_of: Callable[[int, int], ScoreFn],
    start: Tensor,
    codebook_size: int,
    generators: Sequence[torch.Generator],
    options: SamplerOptions,
    *,
    window: int,
    overlap: int,
    frame_rate: int,
    notify: Callable[[float], None] | None = None,
    codebooks: Tensor | None = None,
) -> Tensor:
    """`sampler.sample` for clips of any length.

    score_of(first, stop): the score for these codec frames, with the conditions cut to them (`Conditions.window`).
    start: (batch, levels, frames), int64, [MASK] = codebook_size where a code is wanted. window, overlap: codec frames.
    A code once sampled is known to all later windows, so no later window changes earlier output.
    Returns codes (batch, levels, frames), int64. Raises OptionError.
    """
    codes = start.clone()
    ranges = list(window_ranges(start.shape[2], window, overlap, frame_rate))
    for number, (first, stop) in enumerate(ranges):
        report = None if notify is None else _part(notify, number, len(ranges))
        part = codes[:, :, first:stop]
        if (part == codebook_size).any():
            score = score_of(first, stop)
            codes[:, :, first:stop] = sample(score, part, codebook_size, generators, options, report, codebooks)
    return codes


def _part(notify: Callable[[float], None], number: int, count: int) -> Callable[[float], None]:
    return lambda fraction: notify((number + fraction) / count)
