"""Mouth pictures to network input: crop, average down, normalise; in training also augment."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from imagintalk.config import LipsConfig
from imagintalk.lip.frames import valid_frames

SCALE_PIXELS = 8
"""The side of a training crop differs from `crop` by at most this much."""
MASK_EVERY = 25
"""One time mask for each so many frames of the clip."""
MASK_FRAMES = 8
"""Longest time mask, frames at 25 fps."""
LIGHT = 0.1
"""Standard deviation of the contrast factor and of the brightness offset."""


def centre_crop(mouth: Tensor, lengths: Tensor, config: LipsConfig) -> Tensor:
    """Mouth (B, T, 96, 96) uint8, lengths (B,) video frames -> (B, T, input, input) float32, normalised, 25 fps."""
    margin = (mouth.shape[-1] - config.crop) // 2
    cut = mouth[..., margin : margin + config.crop, margin : margin + config.crop]
    return _normalise(_average_down(cut, config.input), lengths)


def random_crop(mouth: Tensor, lengths: Tensor, config: LipsConfig, generator: Generator) -> Tensor:
    """`centre_crop` for training: shift, scale, flip, light and time masks, one draw for each clip.

    `generator` is a CPU generator; equal seeds give equal pictures.
    """
    batch, frames, full = mouth.shape[:3]
    output = torch.empty(batch, frames, config.input, config.input, device=mouth.device)
    for i in range(batch):
        # Never below `input` (averaging only goes down) and never beyond the picture.
        smallest = max(config.input, config.crop - SCALE_PIXELS)
        side = _integer(smallest, min(full, config.crop + SCALE_PIXELS), generator)
        top, left = _integer(0, full - side, generator), _integer(0, full - side, generator)
        picture = _average_down(mouth[i, :, top : top + side, left : left + side], config.input)
        output[i] = picture.flip(-1) if _integer(0, 1, generator) else picture
    output = _normalise(output, lengths)
    # After normalising, which would undo it.
    contrast, brightness = LIGHT * torch.randn(2, batch, 1, 1, 1, generator=generator).to(mouth.device)
    keep = valid_frames(lengths, frames) & _time_mask(lengths, frames, generator).to(mouth.device)
    return (output * (1 + contrast) + brightness) * keep[:, :, None, None]


def _average_down(cut: Tensor, side: int) -> Tensor:
    return functional.adaptive_avg_pool2d(cut.float(), side)


def _normalise(mouth: Tensor, lengths: Tensor) -> Tensor:
    """Zero mean and unit deviation over the real frames of each clip; padding becomes zero."""
    keep = valid_frames(lengths, mouth.shape[1])[:, :, None, None]
    count = lengths.clamp(min=1)[:, None, None, None] * mouth.shape[-1] ** 2
    mean = (mouth * keep).sum((1, 2, 3), keepdim=True) / count
    centred = (mouth - mean) * keep
    deviation = (centred.square().sum((1, 2, 3), keepdim=True) / count).sqrt()
    return centred / deviation.clamp(min=1.0)  # a flat picture must not blow up; one grey level is the floor


def _time_mask(lengths: Tensor, frames: int, generator: Generator) -> Tensor:
    """(B, frames) bool, False on masked frames: they become the clip's mean picture."""
    keep = torch.ones(len(lengths), frames, dtype=torch.bool)
    for i, length in enumerate(lengths.tolist()):
        for _ in range(length // MASK_EVERY):
            span = _integer(0, MASK_FRAMES, generator)
            start = _integer(0, length - span, generator)
            keep[i, start : start + span] = False
    return keep


def _integer(lowest: int, highest: int, generator: Generator) -> int:
    """Uniform, both ends included."""
    return int(torch.randint(lowest, highest + 1, (), generator=generator))
