"""Score entropy: by hand, at its minimum, and what it must not count."""

import math

import pytest
import torch

from imagintalk.diffusion.corruption import corrupt
from imagintalk.diffusion.loss import diffusion_loss, normalised_score_entropy, score_entropy
from imagintalk.diffusion.schedule import LogLinearSchedule

SCHEDULE = LogLinearSchedule()


def test_equals_the_value_by_hand() -> None:
    # t = 0.5: masked = 0.4995, r = 0.5005 / 0.4995, sigma' = 0.999 / 0.5005.
    r, rate = 0.5005 / 0.4995, 0.999 / 0.5005
    scores = [0.2, 0.7, 0.4]
    by_hand = rate * (sum(scores) - r * math.log(0.7) + r * (math.log(r) - 1))
    loss = score_entropy(
        torch.tensor([scores], dtype=torch.float64).log(),
        torch.tensor([1]),
        torch.tensor([0.5], dtype=torch.float64),
        SCHEDULE,
    )
    assert loss.item() == pytest.approx(by_hand, rel=1e-12)


def test_minimum_is_at_the_true_score() -> None:
    """With x0 drawn from p, the expected loss is least at s = r p."""
    p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    t = torch.full((3,), 0.3, dtype=torch.float64)
    true = (p.log() + SCHEDULE.log_ratio(t[0])).requires_grad_()

    def expected(log_scores: torch.Tensor) -> torch.Tensor:
        return (p * score_entropy(log_scores.expand(3, 3), torch.arange(3), t, SCHEDULE)).sum()

    (slope,) = torch.autograd.grad(expected(true), true)
    assert slope.abs().max() < 1e-12
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        other = true.detach() + 0.1 * torch.randn(3, generator=generator, dtype=torch.float64)
        assert expected(other) > expected(true)


def test_is_never_negative_and_zero_where_the_code_is_certain() -> None:
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(500, generator=generator, dtype=torch.float64).clamp(min=1e-3)
    target = torch.randint(8, (500,), generator=generator)
    log_scores = 3 * torch.randn(500, 8, generator=generator, dtype=torch.float64)
    assert (score_entropy(log_scores, target, t, SCHEDULE) >= 0).all()
    certain = torch.full((500, 8), -80.0, dtype=torch.float64)
    certain[torch.arange(500), target] = SCHEDULE.log_ratio(t)
    assert score_entropy(certain, target, t, SCHEDULE).abs().max() < 1e-9


def test_normalised_form_is_the_same_loss_and_is_cross_entropy_over_t() -> None:
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(100, generator=generator, dtype=torch.float64).clamp(min=1e-3)
    target = torch.randint(8, (100,), generator=generator)
    log_p = torch.randn(100, 8, generator=generator, dtype=torch.float64).log_softmax(-1)
    log_scores = log_p + SCHEDULE.log_ratio(t)[:, None]
    normalised = normalised_score_entropy(log_scores, target, t, SCHEDULE)
    torch.testing.assert_close(normalised, score_entropy(log_scores, target, t, SCHEDULE))
    torch.testing.assert_close(normalised, -log_p[torch.arange(100), target] / t)


@pytest.mark.parametrize("normalised", [True, False])
def test_batch_loss_is_the_mean_over_valid_codes_of_the_masked_ones(normalised: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(8, (2, 3, 10), generator=generator)
    frame_mask = torch.ones(2, 10, dtype=torch.bool)
    frame_mask[1, 6:] = False
    t = torch.tensor([0.3, 0.8])
    corrupted = corrupt(codes, t, 8, SCHEDULE, generator, active=2, frame_mask=frame_mask)
    table = torch.randn(2, 3, 10, 8, generator=generator).log_softmax(-1)
    table = table + SCHEDULE.log_ratio(t)[:, None, None, None]
    loss = diffusion_loss(table[corrupted.masked], codes, corrupted, t, SCHEDULE, normalised)
    total, count = 0.0, 2 * 10 + 2 * 6
    for b, level, frame in corrupted.masked.nonzero().tolist():
        assert level < 2 and frame_mask[b, frame]
        row, x0, time = table[b, level, frame][None], codes[b, level, frame][None], t[b : b + 1]
        total += score_entropy(row, x0, time, SCHEDULE).item()
    assert loss.total.item() == pytest.approx(total / count, rel=1e-4)
    assert loss.cross_entropy.shape == (3,)
    assert loss.cross_entropy[:2].isfinite().all() and loss.cross_entropy[2].isnan()


def test_nothing_masked_gives_zero() -> None:
    codes = torch.zeros(1, 2, 4, dtype=torch.int64)
    t = torch.tensor([0.5])
    corrupted = corrupt(codes, t, 8, SCHEDULE, known=torch.ones(1, 2, 4, dtype=torch.bool))
    assert diffusion_loss(torch.empty(0, 8), codes, corrupted, t, SCHEDULE, True).total == 0
