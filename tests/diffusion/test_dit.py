"""The Style-DiT: identity at the start, padding, conditions, guidance, learning, size."""

import dataclasses
import math

import pytest
import torch

from imagintalk.config import Config, Guidance, load_config
from imagintalk.diffusion.adaln import DualAdaLnBlock, rotary_angles
from imagintalk.diffusion.conditions import Conditions, Prompt, at_codec_rate
from imagintalk.diffusion.corruption import corrupt, stratified_times
from imagintalk.diffusion.dit import StyleDiT
from imagintalk.diffusion.guidance import drop_conditions, guided_score
from imagintalk.diffusion.loss import diffusion_loss
from imagintalk.diffusion.sampler import SamplerOptions, generators_of, sample
from imagintalk.diffusion.windows import sample_windows
from imagintalk.errors import WeightsError


def build(config: Config, seed: int = 0) -> StyleDiT:
    torch.manual_seed(seed)
    return StyleDiT(config.diffusion, config.codec, config.content_width)


def largest_gradient(module: torch.nn.Module, name: str) -> float:
    gradient = module.get_parameter(name).grad
    assert gradient is not None
    return gradient.abs().max().item()


def wake(network: StyleDiT) -> StyleDiT:
    """Move the zero-initialised parts, so that conditions matter."""
    for name, parameter in network.named_parameters():
        if ("channel" in name or "temporal" in name) and "last" in name or name.startswith("null_"):
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval()


def conditions_of(config: Config, batch: int, frames: int, seed: int = 0) -> Conditions:
    generator = torch.Generator().manual_seed(seed)
    return Conditions(
        torch.randn(batch, frames, config.content_width, generator=generator),
        torch.nn.functional.normalize(torch.randn(batch, 256, generator=generator), dim=-1) * 4,
        torch.rand(batch, frames, 8, generator=generator).softmax(-1),
    )


def masked_codes(config: Config, batch: int, frames: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(config.codec.codebook_size + 1, (batch, config.codec.levels, frames), generator=generator)


@pytest.fixture(scope="module")
def tiny() -> Config:
    return load_config("tiny")


def test_block_starts_as_the_identity_and_does_not_stay_it() -> None:
    torch.manual_seed(0)
    block = DualAdaLnBlock(32, 2, 2, 16)
    x, channel, temporal = torch.randn(2, 9, 32), torch.randn(2, 1, 16), torch.randn(2, 9, 16)
    angles = rotary_angles(9, 16, x.device)
    assert torch.equal(block(x, channel, temporal, angles, None), x)
    block(x, channel, temporal, angles, None).square().sum().backward()
    assert largest_gradient(block, "channel.last.weight") > 0


def test_temporal_style_scales_only_its_own_frame_and_channel_style_all() -> None:
    """Through the MLP sub-layer alone, where frames do not mix: no temporal shift or gate reaches the residual."""
    torch.manual_seed(0)
    block = DualAdaLnBlock(32, 2, 2, 16)
    torch.nn.init.normal_(block.channel.last.weight, std=0.5)
    torch.nn.init.normal_(block.temporal.last.weight, std=0.5)
    torch.nn.init.zeros_(block.attention.output.weight)
    torch.nn.init.zeros_(block.attention.output.bias)
    x, channel, temporal = torch.randn(1, 9, 32), torch.randn(1, 1, 16), torch.randn(1, 9, 16)
    angles = rotary_angles(9, 16, x.device)
    base = block(x, channel, temporal, angles, None)
    other = temporal.clone()
    other[:, 4] += 1
    changed = (block(x, channel, other, angles, None) - base).abs().amax((0, 2)) > 1e-6
    assert changed.tolist() == [frame == 4 for frame in range(9)]
    assert ((block(x, channel + 1, temporal, angles, None) - base).abs().amax((0, 2)) > 1e-6).all()


def test_heads_run_only_where_asked_and_keep_row_major_order(tiny: Config) -> None:
    network = wake(build(tiny))
    codes, conditions, t = masked_codes(tiny, 2, 7), conditions_of(tiny, 2, 7), torch.tensor([0.3, 0.9])
    full = network(codes, t, conditions, torch.ones_like(codes, dtype=torch.bool)).view(*codes.shape, -1)
    where = torch.rand(codes.shape) < 0.3
    torch.testing.assert_close(network(codes, t, conditions, where), full[where])
    assert network(codes, t, conditions, torch.zeros_like(where)).shape == (0, tiny.codec.codebook_size)
    torch.testing.assert_close(full.logsumexp(-1)[:, 0, 0], network.schedule.log_ratio(t))


def test_padding_does_not_change_the_valid_part(tiny: Config) -> None:
    network = wake(build(tiny))
    codes, conditions = masked_codes(tiny, 1, 12), conditions_of(tiny, 1, 12)
    frame_mask = torch.arange(12)[None] < 8
    short = network.hidden(codes[:, :, :8], torch.tensor([0.5]), conditions.window(0, 8, 50))
    padded = network.hidden(codes, torch.tensor([0.5]), conditions, frame_mask=frame_mask)
    torch.testing.assert_close(padded[:, :8], short, rtol=1e-4, atol=1e-5)
    unmasked = network.hidden(codes, torch.tensor([0.5]), conditions)
    assert (unmasked[:, :8] - short).abs().max() > 1e-3


def test_each_condition_matters_until_it_is_dropped(tiny: Config) -> None:
    network = wake(build(tiny))
    codes, t = masked_codes(tiny, 1, 6), torch.tensor([0.5])
    one, two = conditions_of(tiny, 1, 6, seed=0), conditions_of(tiny, 1, 6, seed=1)
    mixed = [
        Conditions(two.lip, one.identity, one.emotion),
        Conditions(one.lip, two.identity, one.emotion),
        Conditions(one.lip, one.identity, two.emotion),
    ]
    for column, other in enumerate(mixed):
        keep = torch.ones(1, 3, dtype=torch.bool)
        assert (network.hidden(codes, t, one, keep) - network.hidden(codes, t, other, keep)).abs().max() > 1e-3
        keep[:, column] = False
        assert torch.equal(network.hidden(codes, t, one, keep), network.hidden(codes, t, other, keep))


def test_a_prompt_is_heard_with_its_identity_only_and_leaves_no_frames(tiny: Config) -> None:
    network = wake(build(tiny))
    codes, t = masked_codes(tiny, 2, 6), torch.tensor([0.5, 0.5])
    plain, other = conditions_of(tiny, 2, 6), conditions_of(tiny, 2, 4, seed=3)
    heard = masked_codes(tiny, 2, 4) % tiny.codec.codebook_size
    prompted = dataclasses.replace(plain, prompt=Prompt(heard, other.lip, other.emotion))
    keep = torch.tensor([[True, True, True], [True, False, True]])
    without, with_prompt = network.hidden(codes, t, plain, keep), network.hidden(codes, t, prompted, keep)
    assert with_prompt.shape == without.shape
    assert (with_prompt[0] - without[0]).abs().max() > 1e-3
    torch.testing.assert_close(with_prompt[1], without[1], rtol=1e-4, atol=1e-5)
    assert prompted.repeat(3).prompt.codes.shape[0] == 6
    assert prompted.window(2, 4, 50).prompt is prompted.prompt


def test_emotion_intensity_mixes(tiny: Config) -> None:
    network = build(tiny)
    neutral, angry = torch.eye(8)[0], torch.eye(8)[4]
    halfway = network.emotion(0.5 * neutral + 0.5 * angry)
    torch.testing.assert_close(halfway, 0.5 * network.emotion(neutral) + 0.5 * network.emotion(angry))


def test_other_codec_rates_hold_conditions_and_refuse_too_few() -> None:
    values = torch.arange(4.0)[None, :, None]
    assert at_codec_rate(values, 6, 75)[0, :, 0].tolist() == [0, 1, 1, 2, 3, 3]
    whole = at_codec_rate(values, 6, 75)
    assert torch.equal(at_codec_rate(values[:, 2:], 3, 75), whole[:, 3:])
    with pytest.raises(ValueError, match="75 Hz"):
        at_codec_rate(values, 7, 75)


@pytest.mark.parametrize("normalised", [True, False])
def test_guidance_combines_scores_and_keeps_their_total(tiny: Config, normalised: bool) -> None:
    network = wake(build(tiny))
    network.normalised = normalised
    codes, conditions, t = masked_codes(tiny, 2, 5), conditions_of(tiny, 2, 5), torch.tensor([0.5, 0.7])
    where = codes == tiny.codec.codebook_size
    where[:, 0, 0] = True

    def one(*keep: bool) -> torch.Tensor:
        return network(codes, t, conditions, where, torch.tensor([keep, keep]))

    joint, null = one(True, True, True), one(False, False, False)
    plain = guided_score(network, conditions, Guidance())(codes, t, where)
    torch.testing.assert_close(plain, joint)
    guided = guided_score(network, conditions, Guidance(1.5, identity=0.5, emotion=0.25))(codes, t, where)
    identity, emotion = one(False, True, False), one(False, False, True)
    by_hand = null + 1.5 * (joint - null) + 0.5 * (identity - null) + 0.25 * (emotion - null)
    torch.testing.assert_close(guided.softmax(-1), by_hand.softmax(-1), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(guided.logsumexp(-1), joint.logsumexp(-1), rtol=1e-4, atol=1e-4)


def test_only_the_needed_passes_run() -> None:
    assert len(Guidance().passes()) == 1
    assert len(Guidance(joint=1.5).passes()) == 2
    assert len(Guidance(1.5, 0.1, 0.2, 0.3).passes()) == 5
    assert sum(factor for factor, _ in Guidance(1.5, 0.1, 0.2, 0.3).passes()) == pytest.approx(1)


def test_conditions_are_dropped_as_often_as_the_source_says() -> None:
    keep = drop_conditions(40_000, torch.Generator().manual_seed(0))
    assert (keep.double().mean(0) - 0.81).abs().max() < 0.01
    assert (~keep).all(1).double().mean().item() == pytest.approx(0.1 + 0.9 * 0.001, abs=0.01)


@pytest.mark.parametrize("normalised", [True, False])
def test_overfits_one_batch_and_samples_it_back(tiny: Config, normalised: bool) -> None:
    network = build(tiny)
    network.normalised = normalised
    size, frames = tiny.codec.codebook_size, 10
    codes = torch.randint(size, (2, tiny.codec.levels, frames), generator=torch.Generator().manual_seed(5))
    conditions = conditions_of(tiny, 2, frames)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(2).repeat(4)
    batch = Conditions(conditions.lip[rows], conditions.identity[rows], conditions.emotion[rows])
    losses = []
    for step in range(300):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 * min(1.0, (300 - step) / 150)
        t = stratified_times(8, generator)
        corrupted = corrupt(codes[rows], t, size, network.schedule, generator)
        log_scores = network(corrupted.codes, t, batch, corrupted.masked)
        loss = diffusion_loss(log_scores, codes[rows], corrupted, t, network.schedule, normalised)
        optimiser.zero_grad()
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.cross_entropy.nanmean().item())
    assert losses[0] > 2 and sum(losses[-20:]) / 20 < 0.1
    options = SamplerOptions(steps=16, normalised=normalised)
    start = torch.full_like(codes, size)
    sampled = sample(guided_score(network.eval(), conditions, Guidance()), start, size, generators_of([0, 1]), options)
    assert (sampled == codes).double().mean() > 0.95


def test_windows_with_the_network_give_each_take_what_it_gets_alone(tiny: Config) -> None:
    network = wake(build(tiny))
    conditions = conditions_of(tiny, 1, 50)

    def run(seeds: list[int]) -> torch.Tensor:
        takes = conditions.repeat(len(seeds))
        return sample_windows(
            lambda first, stop: guided_score(network, takes.window(first, stop, 50), Guidance(joint=1.5)),
            torch.full((len(seeds), tiny.codec.levels, 50), tiny.codec.codebook_size),
            tiny.codec.codebook_size,
            generators_of(seeds),
            SamplerOptions(steps=8),
            window=30,
            overlap=10,
            frame_rate=50,
        )

    together = run([3, 4])
    assert together.max() < tiny.codec.codebook_size
    for row, seed in enumerate([3, 4]):
        # Equal but for float32 rounding in a network that sees another batch size.
        assert (run([seed])[0] == together[row]).double().mean() > 0.98


def test_warm_start_makes_the_feature_the_codec_latent(tiny: Config) -> None:
    network = build(tiny)
    codec = tiny.codec
    generator = torch.Generator().manual_seed(0)
    books = torch.randn(codec.levels, codec.codebook_size, codec.dimension, generator=generator)
    books = books * 0.8 ** torch.arange(codec.levels)[:, None, None]
    network.start_from(books)
    codes = torch.randint(codec.codebook_size, (1, codec.levels, 200), generator=generator)
    level = torch.arange(codec.levels)[:, None]
    latent = (books - books.mean(1, keepdim=True))[level, codes[0]].sum(0)
    feature = network.feature(codes)[0]
    similarity = torch.nn.functional.cosine_similarity(feature, latent, dim=-1)
    assert similarity.min() > 0.999
    assert feature.square().mean().sqrt().item() == pytest.approx(1, abs=0.1)
    with pytest.raises(WeightsError, match="12 levels of 16"):
        network.start_from(books[:3])


def test_paper_network_has_the_size_of_its_config_and_runs_both_ways() -> None:
    config = load_config("paper")
    with torch.device("meta"):
        network = StyleDiT(config.diffusion, config.codec, config.content_width)
    assert sum(p.numel() for p in network.parameters()) == 133_691_136

    network = build(config)
    codes = masked_codes(config, 1, 20)
    t = torch.tensor([0.5])
    corrupted = corrupt(codes.clamp(max=1023), t, 1024, network.schedule, torch.Generator().manual_seed(0))
    log_scores = network(corrupted.codes, t, conditions_of(config, 1, 20), corrupted.masked)
    loss = diffusion_loss(log_scores, codes.clamp(max=1023), corrupted, t, network.schedule, network.normalised)
    loss.total.backward()
    assert math.isfinite(loss.total.item())
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    assert largest_gradient(network, "blocks.0.channel.last.weight") > 0


def test_small_network_fits_its_share_of_the_repository() -> None:
    config = load_config("small")
    with torch.device("meta"):
        network = StyleDiT(config.diffusion, config.codec, config.content_width)
    assert sum(p.numel() for p in network.parameters()) * 2 <= 28_500_000
