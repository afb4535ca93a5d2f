"""Expected latents are those of the codes where the network is sure, and the voice loss tells voices apart."""

from __future__ import annotations

import torch

from imagintalk.codec.codec import Codec
from imagintalk.config import load_config
from imagintalk.training.expected import expected_latents
from imagintalk.training.voice_loss import VoiceLoss

LEVELS, SIZE, FRAMES = 3, 7, 5


def _masked() -> torch.Tensor:
    masked = torch.zeros(2, LEVELS, FRAMES, dtype=torch.bool)
    masked[0, 0, 1:3] = masked[1, 1] = True
    return masked


def test_a_sure_network_expects_what_is_true() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(SIZE, (2, LEVELS, FRAMES), generator=generator)
    books = torch.randn(LEVELS, SIZE, 4, generator=generator)
    masked, active = _masked(), torch.tensor([1, 2])
    sure = 100.0 * torch.nn.functional.one_hot(codes[masked], SIZE)
    expected, true = expected_latents(sure, codes, masked, active, books)
    by_hand = torch.stack([books[0][codes[0, 0]], books[0][codes[1, 0]] + books[1][codes[1, 1]]])
    torch.testing.assert_close(true, by_hand)  # levels that are not active count nowhere
    torch.testing.assert_close(expected, true)


def test_a_network_that_knows_nothing_expects_the_mean() -> None:
    codes = torch.zeros(2, LEVELS, FRAMES, dtype=torch.int64)
    books = torch.randn(LEVELS, SIZE, 4, generator=torch.Generator().manual_seed(1))
    masked = _masked()
    expected, true = expected_latents(torch.zeros(int(masked.sum()), SIZE), codes, masked, torch.tensor([3, 3]), books)
    missed = expected - true
    torch.testing.assert_close(missed[0, 1], books[0].mean(dim=0) - books[0][0])
    torch.testing.assert_close(missed[1], (books[1].mean(dim=0) - books[1][0]).expand(FRAMES, -1))
    assert not missed[0, 0].any() and not missed[0, 3:].any()  # nothing was hidden there


def test_the_voice_loss_hears_who_speaks_and_leads_there() -> None:
    config = load_config("small").codec
    encoder = Codec(config).encoder
    generator = torch.Generator().manual_seed(0)
    samples = 0.1 * torch.randn(3, 480 * 100, generator=generator)
    encoder.fit(iter(samples))
    loss = VoiceLoss(encoder)
    latents = encoder(samples[:, None]).transpose(1, 2)
    lengths = torch.full((3,), 100)
    assert float(loss(latents, latents, lengths)) < 1e-5
    other = (latents + 3 * torch.randn(64, generator=generator)).requires_grad_()
    before = loss(other, latents, lengths)
    assert float(before) > 0.02
    before.backward()
    assert other.grad is not None
    nearer = other.detach() - 0.5 * other.grad / other.grad.square().mean().sqrt()
    assert float(loss(nearer, latents, lengths)) < float(before)


def test_clips_shorter_than_the_encoder_hears_count_nothing() -> None:
    encoder = Codec(load_config("small").codec).encoder
    latents = torch.randn(2, 100, 64)
    assert float(VoiceLoss(encoder)(latents, torch.zeros_like(latents), torch.tensor([40, 79]))) == 0
