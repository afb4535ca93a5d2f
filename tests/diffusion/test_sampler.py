"""The reverse process with stand-in networks: its probabilities, infilling, seeds, cancelling, windows."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from imagintalk.diffusion.by_chance import Analytic, Euler
from imagintalk.diffusion.by_order import halton_ranks
from imagintalk.diffusion.canvas import Canvas
from imagintalk.diffusion.guidance import ScoreFn
from imagintalk.diffusion.remasking import Remasking
from imagintalk.diffusion.sampler import LAST_TIME, SAMPLERS, SamplerOptions, generators_of, sample
from imagintalk.diffusion.schedule import LogLinearSchedule
from imagintalk.diffusion.windows import sample_windows, window_ranges
from imagintalk.errors import Cancelled, OptionError

SIZE = 8
SCHEDULE = LogLinearSchedule()


def blank(batch: int = 2, levels: int = 3, frames: int = 20) -> Tensor:
    return torch.full((batch, levels, frames), SIZE)


def toy_score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
    """Normalised; looks at every code of the sample, so that any change of the context shows."""
    context = codes.double().cumsum(-1) + 2 * codes.double().sum(1, keepdim=True)
    logits = torch.sin(context[..., None] * torch.arange(1, SIZE + 1)) * 2
    log_scores = logits.log_softmax(-1) + SCHEDULE.log_ratio(t)[:, None, None, None]
    return log_scores[where]


def canvas(codes: Tensor) -> Canvas:
    """All levels at once, drawn."""
    generators = generators_of(range(len(codes)))
    return Canvas(codes, slice(0, codes.shape[1]), SIZE, toy_score, generators, 1.0, True, None, torch.empty(0))


def constant_score(token: int) -> ScoreFn:
    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        row = torch.full((SIZE,), -60.0, dtype=torch.float64)
        row[token] = 0.0
        return (row + SCHEDULE.log_ratio(t)[:, None, None, None].expand(*codes.shape, 1))[where]

    return score


@pytest.mark.parametrize("steps", [1, 8, 64])
def test_euler_analytic_and_mdlm_unmask_with_the_same_probability(steps: int) -> None:
    times = torch.linspace(1.0, LAST_TIME, steps + 1, dtype=torch.float64)
    t, until = times[:-1], times[1:]
    p = torch.randn(SIZE, dtype=torch.float64).softmax(-1)
    scores = p * SCHEDULE.log_ratio(t).exp()[:, None]
    euler = Euler(canvas(blank())).factor(SCHEDULE, t, until)[:, None] * scores
    analytic = Analytic(canvas(blank())).factor(SCHEDULE, t, until)[:, None] * scores
    mdlm = ((t - until) / t)[:, None] * p
    torch.testing.assert_close(euler, mdlm, rtol=1e-11, atol=0)
    torch.testing.assert_close(analytic, mdlm, rtol=1e-9, atol=0)
    # The final denoise drops [MASK]: it is the step from the last time to 0, which MDLM takes with probability 1.
    last = times[-1]
    final = Analytic(canvas(blank())).factor(SCHEDULE, last, torch.zeros_like(last)) * SCHEDULE.log_ratio(last).exp()
    assert final.item() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "confidence"])
@pytest.mark.parametrize("normalised", [True, False])
def test_steps_unmask_at_the_rate_and_to_the_distribution_of_the_score(sampler: str, normalised: bool) -> None:
    p = torch.tensor([0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02, 0.0], dtype=torch.float64)
    hidden: list[float] = []

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        hidden.append((codes == SIZE).double().mean().item())
        return (p.log() + SCHEDULE.log_ratio(t)[0]).expand(int(where.sum()), SIZE)

    start = blank(1, 10, 4000)
    options = SamplerOptions(10, sampler, normalised=normalised)
    codes = sample(score, start, SIZE, generators_of([0]), options)
    share = torch.bincount(codes.flatten(), minlength=SIZE) / codes.numel()
    assert (share - p).abs().max() < 0.013
    assert codes.max() < SIZE - 1
    expected = torch.linspace(1, LAST_TIME, 11)[:10]
    assert (torch.tensor(hidden[:10]) - expected).abs().max() < 0.013


def test_chances_above_one_unmask_and_keep_their_proportions() -> None:
    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        return torch.tensor([3.0, 1.0]).log().add(20).expand(int(where.sum()), 2)

    codes = sample(score, torch.full((1, 4, 2000), 2), 2, generators_of([0]), SamplerOptions(steps=4, normalised=False))
    assert (codes == 0).double().mean().item() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("normalised", [True, False])
def test_constant_model_yields_its_token(sampler: str, normalised: bool) -> None:
    options = SamplerOptions(steps=6, sampler=sampler, normalised=normalised)
    assert (sample(constant_score(5), blank(), SIZE, generators_of([1, 2]), options) == 5).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("groups", [None, (1, 2)])
def test_known_codes_are_seen_and_never_change(groups: tuple[int, ...] | None, sampler: str) -> None:
    start = blank()
    start[:, :, 5:12] = torch.randint(SIZE, (2, 3, 7), generator=torch.Generator().manual_seed(0))
    known = start != SIZE

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        assert not (where & known).any()
        seen = 3 if groups is None else (1 if where[:, 0].any() else 3)
        assert torch.equal(codes[:, :seen][known[:, :seen]], start[:, :seen][known[:, :seen]])
        return toy_score(codes, t, where)

    before = start.clone()
    options = SamplerOptions(40, sampler, level_groups=groups)
    codes = sample(score, start, SIZE, generators_of([0, 1]), options)
    assert torch.equal(codes[known], before[known]) and codes.max() < SIZE
    assert torch.equal(start, before)


def states(sampler: str) -> list[Tensor]:
    """The codes before each pass of the network, and the result."""
    seen: list[Tensor] = []

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        seen.append(codes.clone())
        return toy_score(codes, t, where)

    seen.append(sample(score, blank(), SIZE, generators_of([0, 1]), SamplerOptions(20, sampler)))
    return seen


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "remasking"])
def test_code_once_unmasked_never_changes(sampler: str) -> None:
    for earlier, later in pairwise(states(sampler)):
        assert torch.equal(later[earlier != SIZE], earlier[earlier != SIZE])


def test_remasking_takes_codes_back_and_ends_without_mask() -> None:
    seen = states("remasking")
    assert any(((earlier != SIZE) & (later == SIZE)).any() for earlier, later in pairwise(seen))
    assert seen[-1].max() < SIZE


@pytest.mark.parametrize("sampler", ["confidence", "halton"])
def test_samplers_by_order_unmask_the_same_number_each_step(sampler: str) -> None:
    hidden = [(codes == SIZE).sum(dim=(1, 2)).tolist() for codes in states(sampler)]
    assert hidden == [[60 - 3 * step] * 2 for step in range(21)]


def test_the_surest_codes_come_first() -> None:
    """Each position has a favourite, the later the surer."""
    sure: list[Tensor] = []

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        sure.append(codes[0, 0] != SIZE)
        logits = torch.zeros(1, 1, 20, SIZE)
        logits[0, 0, :, 3] = torch.arange(20)
        return logits.log_softmax(-1)[where]

    codes = sample(score, blank(1, 1), SIZE, generators_of([0]), SamplerOptions(5, "confidence", temperature=0.0))
    assert (codes[0, 0, 1:] == 3).all()
    assert [int(there.sum()) for there in sure] == [0, 4, 8, 12, 16]
    assert all(there[20 - int(there.sum()) :].all() for there in sure)


@pytest.mark.parametrize(("levels", "frames"), [(1, 150), (2, 7), (8, 150), (12, 1)])
def test_halton_meets_each_cell_once_and_far_from_the_last_ones(levels: int, frames: int) -> None:
    ranks = halton_ranks(levels, frames)
    assert torch.equal(ranks.flatten().sort().values, torch.arange(levels * frames))
    if frames == 150:
        first = (ranks < 8).any(0).nonzero().flatten()
        assert len(first) == (8 if levels == 1 else first.numel())
        assert first.diff().min() >= 8 and first[-1] - first[0] > 90


@pytest.mark.parametrize("steps", [4, 64])
def test_remasking_keeps_the_marginals_and_is_the_analytic_step_without_it(steps: int) -> None:
    times = torch.linspace(1.0, LAST_TIME, steps + 1, dtype=torch.float64)
    t, until = times[:-1], times[1:]
    remasking = Remasking(canvas(blank()), 0.3)
    sigma = remasking.chance(SCHEDULE, t, until)
    unmasking = remasking.factor(SCHEDULE, t, until) * SCHEDULE.log_ratio(t).exp()
    hidden = SCHEDULE.mask_probability(t)
    assert (sigma <= 0.3).all() and (sigma > 0).all() and (unmasking > 0).all() and (unmasking <= 1 + 1e-12).all()
    after = hidden * (1 - unmasking) + (1 - hidden) * sigma
    torch.testing.assert_close(after, SCHEDULE.mask_probability(until), rtol=1e-9, atol=1e-12)
    none = Remasking(canvas(blank()), 0.0).factor(SCHEDULE, t, until)
    torch.testing.assert_close(none, Analytic(canvas(blank())).factor(SCHEDULE, t, until), rtol=1e-9, atol=0)


def test_fewer_steps_than_groups_still_fill_every_level() -> None:
    fractions: list[float] = []
    options = SamplerOptions(1, level_groups=(1, 1, 1))
    codes = sample(toy_score, blank(), SIZE, generators_of([0, 1]), options, fractions.append)
    assert codes.max() < SIZE and fractions == [0.0, 0.5, 1.0]


def test_level_groups_go_coarse_to_fine() -> None:
    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        levels = where.any(-1).any(0).nonzero().flatten()
        stage = 0 if levels.max() == 0 else 1
        assert stage == 0 or levels.min() > 0
        if stage == 0:
            assert (codes[:, 1:] == SIZE).all()
        else:
            assert (codes[:, 0] != SIZE).all()
        return toy_score(codes, t, where)

    fractions: list[float] = []
    options = SamplerOptions(steps=7, level_groups=(1, 2))
    codes = sample(score, blank(), SIZE, generators_of([0, 1]), options, fractions.append)
    assert codes.max() < SIZE
    assert len(fractions) == 9 and fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_seed_same_codes_and_takes_together_equal_takes_alone(sampler: str) -> None:
    options = SamplerOptions(8, sampler)
    together = sample(toy_score, blank(3), SIZE, generators_of([7, 8, 7]), options)
    assert torch.equal(together[0], together[2])
    assert not torch.equal(together[0], together[1])
    for row, seed in enumerate([7, 8]):
        alone = sample(toy_score, blank(1), SIZE, generators_of([seed]), options)
        assert torch.equal(alone[0], together[row])


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "halton"])
def test_padding_given_as_known_draws_no_noise(sampler: str) -> None:
    def local(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        return torch.linspace(0, 1, SIZE).expand(int(where.sum()), SIZE)

    options = SamplerOptions(8, sampler)
    padded = blank(1)
    padded[:, :, 15:] = 0
    codes = sample(local, padded, SIZE, generators_of([3]), options)
    assert torch.equal(codes[:, :, :15], sample(local, blank(1, frames=15), SIZE, generators_of([3]), options))


def test_zero_temperature_takes_the_likeliest_code() -> None:
    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        return torch.linspace(0, 0.1, SIZE).expand(int(where.sum()), SIZE)

    assert (sample(score, blank(), SIZE, generators_of([0, 1]), SamplerOptions(temperature=0.0)) == SIZE - 1).all()


def test_cancel_stops_within_one_step() -> None:
    calls = 0

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return toy_score(codes, t, where)

    def notify(fraction: float) -> None:
        if calls == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        sample(score, blank(), SIZE, generators_of([0, 1]), SamplerOptions(steps=64, normalised=False), notify)
    assert calls == 3


@pytest.mark.parametrize(
    "values", [{"steps": 0}, {"sampler": "heun"}, {"temperature": -1.0}, {"temperature": float("nan")}]
)
def test_options_out_of_range_are_named(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(values))):
        SamplerOptions(**values)


def test_level_groups_that_do_not_add_up_are_named() -> None:
    with pytest.raises(OptionError, match="level_groups"):
        sample(toy_score, blank(), SIZE, generators_of([0, 1]), SamplerOptions(level_groups=(1, 1)))


@pytest.mark.parametrize(("frames", "rate"), [(20, 50), (50, 50), (51, 50), (130, 75), (1, 75)])
def test_windows_cover_the_clip_and_start_on_the_50_hz_grid(frames: int, rate: int) -> None:
    ranges = list(window_ranges(frames, 50, 12, rate))
    assert ranges[0][0] == 0 and ranges[-1][1] == frames
    for (_, stop), (start, _) in zip(ranges[:-1], ranges[1:], strict=True):
        assert start <= stop - 12
    assert all(stop - start <= 50 and start * 50 % rate == 0 for start, stop in ranges)


def run_windows(frames: int, seen: list[tuple[int, Tensor]] | None = None) -> Tensor:
    def score_of(first: int, stop: int) -> ScoreFn:
        def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
            if seen is not None:
                seen.append((first, codes.clone()))
            return toy_score(codes, t, where)

        return score

    return sample_windows(
        score_of, blank(1, 3, frames), SIZE, generators_of([0]), SamplerOptions(steps=6), window=20, overlap=5,
        frame_rate=50,
    )  # fmt: skip


def test_later_windows_never_change_earlier_output_and_continue_it() -> None:
    seen: list[tuple[int, Tensor]] = []
    long, short = run_windows(50, seen), run_windows(20)
    assert long.max() < SIZE
    assert torch.equal(long[:, :, :20], short)
    starts = {first for first, _ in seen}
    assert starts == {0, 15, 30}
    for first, codes in seen:
        if first:
            assert torch.equal(codes[:, :, :5], long[:, :, first : first + 5])


def test_overlap_as_long_as_the_window_is_refused() -> None:
    with pytest.raises(OptionError, match="overlap"):
        list(window_ranges(100, 20, 20, 50))


def test_with_codebooks_a_code_is_that_of_least_expected_error() -> None:
    # Two likely entries on either side of an unlikely one in the middle, which errs least against both.
    books = torch.zeros(3, SIZE, 1)
    books[:, :, 0] = torch.tensor([-1.0, 1.0, 0.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    chances = torch.tensor([0.49, 0.49, 0.02, 0, 0, 0, 0, 0], dtype=torch.float64)

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        return (chances.log().clamp(min=-80) + SCHEDULE.log_ratio(t)[:, None, None, None].expand(*codes.shape, 1))[
            where
        ]

    options = SamplerOptions(steps=6, level_groups=(1, 2))
    assert (sample(score, blank(1), SIZE, generators_of([1]), options, codebooks=books) == 2).all()
    drawn = sample(score, blank(1), SIZE, generators_of([1]), options)
    assert (drawn == 2).double().mean() < 0.2


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("groups", "left"), [((1, 1, 1), 0.06), ((1, 2), 0.11)])
def test_finer_levels_make_up_for_what_coarser_entries_miss(groups: tuple[int, ...], left: float, sampler: str) -> None:
    books = torch.zeros(3, SIZE, 1)
    for level, spread in enumerate((1.0, 0.3, 0.1)):
        books[level, :, 0] = spread * (torch.arange(SIZE) - SIZE // 2)
    # The mean of the coarsest level lies between its entries; of finer ones nothing is known.
    chances = torch.full((3, SIZE), 1 / SIZE, dtype=torch.float64)
    chances[0] = torch.tensor([0, 0, 0, 0.0, 0.6, 0.4, 0, 0])
    books[1:] -= books[1:].mean(dim=1, keepdim=True)

    def score(codes: Tensor, t: Tensor, where: Tensor) -> Tensor:
        each = chances.log().clamp(min=-80)[None, :, None].expand(*codes.shape, -1)
        return (each + SCHEDULE.log_ratio(t)[:, None, None, None])[where]

    options = SamplerOptions(steps=12, sampler=sampler, level_groups=groups)
    codes = sample(score, blank(1), SIZE, generators_of([1]), options, codebooks=books)
    spoken = sum(books[level][codes[:, level]] for level in range(3))
    assert (codes[:, 0] == 4).all()  # 0, where 0.4 is wanted
    assert (spoken - 0.4).abs().max() < left
