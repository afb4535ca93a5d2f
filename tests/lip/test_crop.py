"""Mouth crops: exact averaging, normalisation, seeded augmentation."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from imagintalk.config import LipsConfig, load_config
from imagintalk.lip.crop import centre_crop, random_crop


@pytest.fixture
def lips() -> LipsConfig:
    return load_config("small").lips


@pytest.fixture
def mouth() -> Tensor:
    return torch.randint(0, 256, (3, 50, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


LENGTHS = torch.tensor([50, 30, 1])


def test_centre_crop_averages_squares_of_the_centre(lips: LipsConfig, mouth: Tensor) -> None:
    picture = centre_crop(mouth, LENGTHS, lips)
    squares = mouth[0, :, 4:92, 4:92].float().reshape(50, 44, 2, 44, 2).mean((2, 4))
    torch.testing.assert_close(picture[0], (squares - squares.mean()) / squares.std(correction=0), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("side", [44, 88])
def test_real_frames_are_standardised_and_padding_is_zero(lips: LipsConfig, mouth: Tensor, side: int) -> None:
    picture = centre_crop(mouth, LENGTHS, dataclasses.replace(lips, input=side))
    assert picture.shape == (3, 50, side, side)
    for clip, length in zip(picture, LENGTHS.tolist(), strict=True):
        assert clip[:length].mean().abs() < 1e-3 and (clip[:length].std() - 1).abs() < 1e-2
        assert not clip[length:].any()


def test_padding_content_does_not_matter(lips: LipsConfig, mouth: Tensor) -> None:
    first = centre_crop(mouth, LENGTHS, lips)
    mouth[1, 30:] = 255
    assert torch.equal(centre_crop(mouth, LENGTHS, lips), first)


def test_flat_picture_stays_finite(lips: LipsConfig) -> None:
    assert not centre_crop(torch.full((1, 3, 96, 96), 77, dtype=torch.uint8), torch.tensor([3]), lips).any()


@pytest.mark.parametrize("side", [44, 88])
def test_augmentation_follows_its_seed(lips: LipsConfig, mouth: Tensor, side: int) -> None:
    config = dataclasses.replace(lips, input=side)
    one, same, other = (random_crop(mouth, LENGTHS, config, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert one.shape == (3, 50, side, side)
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert not one[1, 30:].any() and one.isfinite().all()


def test_time_masks_hide_whole_frames_and_leave_most(lips: LipsConfig, mouth: Tensor) -> None:
    hidden = 0
    for seed in range(10):
        picture = random_crop(mouth, LENGTHS, lips, torch.Generator().manual_seed(seed))
        gone = (picture[0].flatten(1) == 0).all(1)
        assert gone.sum() <= 16  # two masks of at most eight frames in two seconds
        hidden += int(gone.sum())
    assert hidden > 0
