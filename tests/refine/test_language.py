"""RoBERTa over tokens: padding, refilling, windows, learning, saving, paper scale."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor

from imagintalk.config import load_config
from imagintalk.refine.language import MASK, SPECIALS, TokenLanguageModel
from imagintalk.refine.spans import corrupt

TINY = load_config("tiny")


@pytest.fixture
def model() -> TokenLanguageModel:
    torch.manual_seed(0)
    return TokenLanguageModel(TINY.language, TINY.tokens).eval()


def _tokens(batch: int, frames: int) -> Tensor:
    return torch.randint(0, TINY.tokens.size, (batch, frames), generator=torch.Generator().manual_seed(1))


def test_hidden_states_keep_the_frames(model: TokenLanguageModel) -> None:
    for frames in (1, 37, TINY.language.max_frames):
        states = model.hidden(_tokens(2, frames), torch.tensor([frames, frames]))
        assert states.shape == (2, frames, TINY.language.width) and states.isfinite().all()


def test_padding_and_its_content_do_not_change_real_frames(model: TokenLanguageModel) -> None:
    tokens, lengths = _tokens(2, 40), torch.tensor([15, 40])
    together = model.hidden(tokens, lengths)
    torch.testing.assert_close(together[:1, :15], model.hidden(tokens[:1, :15], lengths[:1]), rtol=1e-4, atol=1e-5)
    assert not together[0, 15:].any()
    tokens[0, 15:] = 3
    torch.testing.assert_close(model.hidden(tokens, lengths), together)


def test_weights_stand_for_tokens(model: TokenLanguageModel) -> None:
    tokens, lengths = _tokens(2, 40), torch.tensor([15, 40])
    sure = torch.nn.functional.one_hot(tokens, TINY.tokens.size).float()
    hard = model.hidden(tokens, lengths)
    torch.testing.assert_close(model.hidden(sure, lengths), hard)
    other = torch.nn.functional.one_hot((tokens + 1) % TINY.tokens.size, TINY.tokens.size).float()
    near = (model.hidden(0.9 * sure + 0.1 * other, lengths) - hard).norm()
    far = (model.hidden(0.5 * sure + 0.5 * other, lengths) - hard).norm()
    assert 0 < near < far


@pytest.mark.parametrize("rounds", [1, 4])
@pytest.mark.parametrize("frames", [40, 600])
def test_refill_changes_only_masked_tokens(model: TokenLanguageModel, rounds: int, frames: int) -> None:
    tokens, lengths = _tokens(2, frames), torch.tensor([frames, frames - 9])
    masked = torch.rand(2, frames, generator=torch.Generator().manual_seed(2)) < 0.3
    masked[1, -9:] = False
    filled = model.refill(tokens, masked, lengths, rounds)
    assert torch.equal(filled[~masked], tokens[~masked])
    assert filled.min() >= 0 and filled.max() < TINY.tokens.size
    hidden_ones = tokens.masked_fill(masked, 0)
    assert torch.equal(model.refill(hidden_ones, masked, lengths, rounds), filled), "masked tokens must not be seen"


def test_refill_of_nothing_is_nothing(model: TokenLanguageModel) -> None:
    tokens = _tokens(1, 20)
    assert torch.equal(model.refill(tokens, torch.zeros_like(tokens, dtype=torch.bool), torch.tensor([20])), tokens)


def test_long_input_is_covered_once_and_starts_as_a_short_one(model: TokenLanguageModel) -> None:
    longest = TINY.language.max_frames
    for frames in (longest + 1, 2 * longest, 5 * longest // 2 + 3):
        tokens = _tokens(1, frames)
        states = model.hidden(tokens, torch.tensor([frames]))
        assert states.shape == (1, frames, TINY.language.width)
        first = model.hidden(tokens[:, :longest], torch.tensor([longest]))
        torch.testing.assert_close(states[:, : longest // 2], first[:, : longest // 2])
        last = model.hidden(tokens[:, -longest:], torch.tensor([longest]))
        torch.testing.assert_close(states[:, -longest // 4 :], last[:, -longest // 4 :])


def test_model_learns_one_batch_and_restores_what_was_hidden(model: TokenLanguageModel) -> None:
    tokens = _tokens(4, 10).repeat_interleave(5, dim=1)
    lengths, generator = torch.tensor([50, 50, 50, 50]), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    # Fixed positions, so that a tiny model has only the tokens to learn in these few steps.
    model.max_frames = 50
    losses = []
    for _ in range(250):
        loss = model.loss(tokens, lengths, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.4 * sum(losses[:10])
    masked = torch.zeros(4, 50, dtype=torch.bool)
    masked[:, 12:27] = True
    assert (model.refill(tokens, masked, lengths) == tokens)[masked].float().mean() > 0.8


def test_corruption_is_seeded_and_stays_within_its_share() -> None:
    tokens, lengths = _tokens(8, 200), torch.tensor([200] * 7 + [60])
    mask = MASK - SPECIALS
    (damaged, where), (again, _) = (
        corrupt(tokens, lengths, 20, mask, torch.Generator().manual_seed(5)) for _ in range(2)
    )
    assert torch.equal(damaged, again)
    assert torch.equal(damaged[~where], tokens[~where]) and not where[7, 60:].any()
    share = where.sum(1) / lengths
    assert (share > 0.14).all() and (share < 0.5).all()
    assert (damaged == mask).any() and ((damaged != mask) & where & (damaged != tokens)).any()
    assert damaged.min() >= mask and damaged.max() < 20


def test_single_frame_can_be_corrupted() -> None:
    for seed in range(20):
        damaged, where = corrupt(torch.tensor([[4]]), torch.tensor([1]), 20, -1, torch.Generator().manual_seed(seed))
        assert torch.equal(damaged[~where], torch.tensor([[4]])[~where])
        assert damaged.max() < 20


def test_saved_and_loaded_model_says_the_same(model: TokenLanguageModel, tmp_path: Path) -> None:
    save_model(model, str(tmp_path / "language.safetensors"))
    other = TokenLanguageModel(TINY.language, TINY.tokens).eval()
    load_model(other, tmp_path / "language.safetensors")
    tokens, lengths = _tokens(1, 30), torch.tensor([30])
    assert torch.equal(model.hidden(tokens, lengths), other.hidden(tokens, lengths))
    masked = tokens < 10
    assert torch.equal(model.refill(tokens, masked, lengths), other.refill(tokens, masked, lengths))


def test_paper_scale_is_roberta_base_over_tokens() -> None:
    paper = load_config("paper")
    with torch.device("meta"):
        model = TokenLanguageModel(paper.language, paper.tokens)
    # 12 encoder layers of RoBERTa base, tables for 504 ids, 2052 positions and 1 segment, and the language head.
    layers = 12 * 7_087_872
    tables = (504 + 2052 + 1 + 2) * 768
    head = 768 * 768 + 768 + 2 * 768 + 504
    assert sum(p.numel() for p in model.parameters()) == layers + tables + head


def test_paper_scale_forward_and_backward() -> None:
    torch.manual_seed(0)
    paper = load_config("paper")
    model = TokenLanguageModel(paper.language, paper.tokens)
    tokens = torch.randint(0, paper.tokens.size, (2, 20))
    loss = model.loss(tokens, torch.tensor([12, 20]), torch.Generator().manual_seed(0))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
