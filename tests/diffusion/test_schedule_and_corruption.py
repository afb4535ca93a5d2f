"""The forward process: its marginals, and what it leaves alone."""

import torch

from imagintalk.diffusion.corruption import corrupt, group_stage, stratified_times
from imagintalk.diffusion.schedule import LogLinearSchedule

SIZE = 16
SCHEDULE = LogLinearSchedule()
TIMES = torch.linspace(1e-5, 1, 101, dtype=torch.float64)


def test_rate_is_the_derivative_of_the_total_noise() -> None:
    t = TIMES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(SCHEDULE.total_noise(t).sum(), t)
    torch.testing.assert_close(SCHEDULE.rate(TIMES), slope, rtol=1e-12, atol=0)


def test_mask_probability_and_ratio_follow_from_the_total_noise() -> None:
    noise = SCHEDULE.total_noise(TIMES)
    torch.testing.assert_close(SCHEDULE.mask_probability(TIMES), 1 - torch.exp(-noise), rtol=1e-9, atol=0)
    torch.testing.assert_close(SCHEDULE.log_ratio(TIMES).exp(), 1 / torch.expm1(noise), rtol=1e-9, atol=0)


def test_float32_ratio_stays_exact_at_both_ends() -> None:
    ends = torch.tensor([1e-5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(SCHEDULE.log_ratio(ends.float()).double(), SCHEDULE.log_ratio(ends), rtol=1e-4, atol=0)


def test_codes_become_mask_with_the_marginal_probability_and_else_stay() -> None:
    codes = torch.randint(SIZE, (3, 12, 4000), generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.1, 0.5, 0.95])
    corrupted = corrupt(codes, t, SIZE, SCHEDULE, torch.Generator().manual_seed(1))
    share = (corrupted.codes == SIZE).double().mean((1, 2))
    expected = 1 - torch.exp(-SCHEDULE.total_noise(t.double()))
    assert (share - expected).abs().max() < 5 * (0.25 / 48_000) ** 0.5
    assert torch.equal(corrupted.codes[~corrupted.masked], codes[~corrupted.masked])
    assert torch.equal(corrupted.masked, corrupted.codes == SIZE)


def test_inactive_levels_are_all_mask_and_carry_no_loss() -> None:
    codes = torch.zeros(2, 12, 50, dtype=torch.int64)
    active = torch.tensor([3, 12])
    corrupted = corrupt(codes, torch.tensor([0.5, 0.5]), SIZE, SCHEDULE, active=active)
    assert (corrupted.codes[0, 3:] == SIZE).all()
    assert not corrupted.masked[0, 3:].any() and not corrupted.valid[0, 3:].any()
    assert corrupted.valid[0, :3].all() and corrupted.valid[1].all()


def test_known_codes_and_padding_stay_and_carry_no_loss() -> None:
    codes = torch.zeros(2, 12, 50, dtype=torch.int64)
    known = torch.zeros(2, 12, 50, dtype=torch.bool)
    known[:, :, :10] = True
    frame_mask = torch.ones(2, 50, dtype=torch.bool)
    frame_mask[1, 40:] = False
    corrupted = corrupt(codes, torch.ones(2), SIZE, SCHEDULE, known=known, frame_mask=frame_mask)
    for untouched in (corrupted.codes[:, :, :10], corrupted.codes[1, :, 40:]):
        assert (untouched == 0).all()
    assert not corrupted.valid[:, :, :10].any() and not corrupted.valid[1, :, 40:].any()
    assert corrupted.masked[0, :, 10:].double().mean() > 0.98


def test_group_stage_knows_coarser_levels_and_hides_finer_ones() -> None:
    active, known = group_stage((1, 3, 8), torch.tensor([0, 1, 2]))
    assert active.tolist() == [1, 4, 12]
    assert known[:, :, 0].sum(1).tolist() == [0, 1, 4]
    corrupted = corrupt(torch.zeros(3, 12, 20, dtype=torch.int64), torch.ones(3), SIZE, SCHEDULE, None, active, known)
    assert (corrupted.codes[1, 0] == 0).all() and (corrupted.codes[1, 4:] == SIZE).all()
    assert corrupted.valid.sum((1, 2)).tolist() == [20, 60, 160]


def test_stratified_times_fill_every_stratum() -> None:
    t = stratified_times(64, torch.Generator().manual_seed(0))
    strata = ((t - 1e-3) / (1 - 1e-3) * 64).floor().clamp(max=63)
    assert strata.unique().numel() >= 63  # rounding may move a draw over a border
    assert t.min() >= 1e-3 and t.max() <= 1
