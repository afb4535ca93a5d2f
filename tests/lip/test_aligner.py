"""Lip aligner: rates, padding, learning, saving, paper scale."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from imagintalk.config import Config, load_config
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.auxiliary import AuxiliaryHeads
from imagintalk.lip.loss import UNLABELLED, acoustic_loss, token_loss, word_loss


@pytest.fixture
def tiny() -> Config:
    torch.manual_seed(0)
    return load_config("tiny")


def _mouth(config: Config, lengths: list[int], seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    side = config.lips.input
    return torch.randn(len(lengths), max(lengths), side, side, generator=generator), torch.tensor(lengths)


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_each_video_frame_gives_exactly_two_token_frames(tiny: Config, frames: int) -> None:
    aligner = LipAligner(tiny.lips, tiny.tokens).eval()
    features, logits = aligner(*_mouth(tiny, [frames, frames]))
    assert features.shape == (2, 2 * frames, tiny.lips.token_width)
    assert logits.shape == (2, 2 * frames, tiny.tokens.size)
    assert logits.abs().max() <= 1 / tiny.lips.temperature + 1e-4


def test_padding_and_its_content_do_not_change_real_frames(tiny: Config) -> None:
    aligner = LipAligner(dataclasses.replace(tiny.lips, layers=3), tiny.tokens).eval()
    mouth, lengths = _mouth(tiny, [5, 12])
    together = aligner(mouth, lengths)
    alone = aligner(mouth[:1, :5], lengths[:1])
    torch.testing.assert_close(together.logits[:1, :10], alone.logits, rtol=1e-4, atol=1e-4)
    assert not together.features[0, 10:].any()
    mouth[0, 5:] = 100.0
    torch.testing.assert_close(aligner(mouth, lengths).logits[0, :10], together.logits[0, :10])


def test_padding_does_not_enter_the_visual_batch_statistics(tiny: Config) -> None:
    visual = LipAligner(tiny.lips, tiny.tokens).visual.train()
    mouth, lengths = _mouth(tiny, [4, 9])
    first = visual(mouth, lengths)
    mouth[0, 4:] = 50.0
    torch.testing.assert_close(visual(mouth, lengths), first)


def test_stacked_stem_equals_the_three_dimensional_convolution(tiny: Config) -> None:
    visual = LipAligner(tiny.lips, tiny.tokens).visual
    mouth, lengths = _mouth(tiny, [6])
    weight = visual.stem[0].weight
    seen: list[Tensor] = []
    visual.stem[0].register_forward_hook(lambda _module, _input, output: seen.append(output))
    visual(mouth, lengths)
    side = weight.shape[-1] // 2
    expected = torch.nn.functional.conv3d(mouth[:, None], weight[:, None], stride=(1, 2, 2), padding=(2, side, side))
    torch.testing.assert_close(seen[0], expected[0].transpose(0, 1), rtol=1e-4, atol=1e-4)


def test_aligner_and_auxiliary_heads_learn_one_batch(tiny: Config) -> None:
    aligner = LipAligner(tiny.lips, tiny.tokens)
    heads = AuxiliaryHeads(tiny.lips.token_width, words=5, acoustic=8)
    mouth, lengths = _mouth(tiny, [6, 8])
    ids, words, sound = torch.randint(0, 20, (2, 16)), torch.randint(0, 5, (2, 16)), torch.randn(2, 16, 8)
    optimizer = torch.optim.Adam([*aligner.parameters(), *heads.parameters()], 1e-2)
    losses = []
    for _ in range(120):
        features, logits = aligner(mouth, lengths)
        word_logits, predicted = heads(features)
        terms = (
            token_loss(logits, ids, 2 * lengths, smoothing=0.0),
            word_loss(word_logits, words, 2 * lengths, smoothing=0.0),
            acoustic_loss(predicted, sound, 2 * lengths),
        )
        optimizer.zero_grad()
        sum(terms).backward()  # type: ignore[union-attr]
        optimizer.step()
        losses.append([term.item() for term in terms])
    for first, last in zip(losses[0], losses[-1], strict=True):
        assert last < 0.5 * first
    assert (logits.argmax(-1)[0, :12] == ids[0, :12]).float().mean() > 0.9


def test_losses_ignore_padding_and_unlabelled_frames() -> None:
    torch.manual_seed(0)
    lengths, logits, ids, sound = (
        torch.tensor([3, 6]),
        torch.randn(2, 6, 4),
        torch.randint(0, 4, (2, 6)),
        torch.randn(2, 6, 4),
    )
    words = ids.clone()
    words[1, 4] = UNLABELLED
    before = [
        token_loss(logits, ids, lengths),
        word_loss(logits, words, lengths),
        acoustic_loss(logits, sound, lengths),
    ]
    changed = logits.clone()
    changed[0, 3:] += torch.randn(3, 4)
    after = [
        token_loss(changed, ids, lengths),
        word_loss(changed, words, lengths),
        acoustic_loss(changed, sound, lengths),
    ]
    assert before == after
    changed[1, 4] += torch.randn(4)
    assert word_loss(changed, words, lengths) == before[1]
    assert word_loss(logits, torch.full_like(ids, UNLABELLED), lengths) == 0


def test_saved_and_loaded_aligner_says_the_same(tiny: Config, tmp_path: Path) -> None:
    aligner = LipAligner(tiny.lips, tiny.tokens)
    aligner(*_mouth(tiny, [8, 8]))  # moves the batch statistics
    save_file(aligner.state_dict(), tmp_path / "lips.safetensors")
    other = LipAligner(tiny.lips, tiny.tokens)
    other.load_state_dict(load_file(tmp_path / "lips.safetensors"))
    mouth, lengths = _mouth(tiny, [7], seed=2)
    assert torch.equal(aligner.eval()(mouth, lengths).logits, other.eval()(mouth, lengths).logits)


def test_paper_scale_has_a_resnet18_and_a_twelve_layer_conformer() -> None:
    paper = load_config("paper")
    with torch.device("meta"):
        aligner = LipAligner(paper.lips, paper.tokens)
    visual = sum(p.numel() for p in aligner.visual.parameters())
    total = sum(p.numel() for p in aligner.parameters())
    assert visual == 11_186_688  # the published front ends: 11.18 M
    feed_forward = 2 * 512 + 2 * 512 * 2048 + 2048 + 512
    attention = 2 * 512 + 4 * (512 * 512 + 512)
    convolution = 2 * 512 + (512 * 1024 + 1024) + (512 * 31 + 512) + 2 * 512 + (512 * 512 + 512)
    conformer = 12 * (2 * feed_forward + attention + convolution + 2 * 512)
    assert total == visual + conformer + (512 * 512 + 512) + (512 * 1536 + 1536) + 500 * 768


def test_paper_scale_forward_and_backward() -> None:
    torch.manual_seed(0)
    paper = load_config("paper")
    aligner = LipAligner(paper.lips, paper.tokens)
    mouth, lengths = _mouth(paper, [2, 3])
    features, logits = aligner(mouth, lengths)
    assert features.shape == (2, 6, 768) and logits.shape == (2, 6, 500)
    token_loss(logits, torch.randint(0, 500, (2, 6)), 2 * lengths).backward()
    for name, parameter in aligner.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
