"""Error detector: range, target, threshold."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from imagintalk.config import DetectorConfig, load_config
from imagintalk.errors import ConfigError
from imagintalk.lip.detector import ErrorDetector, corrupted, detector_loss, misaligned, similarity_table

CONFIG = load_config("tiny")


def _detector() -> ErrorDetector:
    torch.manual_seed(0)
    return ErrorDetector(CONFIG.lips)


def test_similarity_is_a_cosine_and_padding_does_not_change_it() -> None:
    detector = _detector()
    z, e, lengths = torch.randn(2, 20, 16), torch.randn(2, 20, 16), torch.tensor([8, 20])
    similarity = detector(z, e, lengths)
    assert similarity.shape == (2, 20) and similarity.abs().max() <= 1 + 1e-5
    torch.testing.assert_close(detector(z[:1, :8], e[:1, :8], lengths[:1]), similarity[:1, :8])
    z[0, 8:] = 30.0
    torch.testing.assert_close(detector(z, e, lengths)[0, :8], similarity[0, :8])


def test_table_is_one_on_the_diagonal_and_blind_to_a_common_offset() -> None:
    torch.manual_seed(0)
    centroids = torch.randn(20, 8)
    table = similarity_table(centroids)
    assert torch.equal(table.diagonal(), torch.ones(20)) and table.abs().max() <= 1
    torch.testing.assert_close(table, table.T)
    torch.testing.assert_close(similarity_table(centroids + 50.0), table, rtol=1e-3, atol=1e-3)


def test_detector_learns_which_tokens_are_wrong() -> None:
    detector = _detector()
    generator = torch.Generator().manual_seed(0)
    table, embedding = similarity_table(torch.randn(20, 8)), torch.randn(20, 16)
    truth, lengths = torch.randint(0, 20, (4, 30)), torch.tensor([30, 30, 30, 25])
    z = embedding[truth] + 0.1 * torch.randn(4, 30, 16)
    optimizer = torch.optim.Adam(detector.parameters(), 1e-2)
    for _ in range(300):
        chosen = corrupted(truth, truth, 20, generator)
        loss = detector_loss(detector(z, embedding[chosen], lengths), chosen, truth, table, lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wrong = (truth + 1 + torch.randint(0, 19, truth.shape, generator=generator)) % 20
    with torch.no_grad():
        right_similarity = detector(z, embedding[truth], lengths)
        wrong_similarity = detector(z, embedding[wrong], lengths)
    assert right_similarity.mean() > 0.8
    assert wrong_similarity.mean() < 0.4


def test_corruption_keeps_most_tokens_and_follows_its_seed() -> None:
    predicted, truth = torch.full((10, 200), 5), torch.full((10, 200), 7)
    one, same = (corrupted(predicted, truth, 100, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, same)
    assert 0.45 < (one == 5).float().mean() < 0.6 and 0.15 < (one == 7).float().mean() < 0.26


def test_loss_ignores_padding() -> None:
    table, lengths = similarity_table(torch.eye(4)), torch.tensor([2])
    similarity, tokens = torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([[1, 2, 3]])
    assert detector_loss(similarity, tokens, tokens, table, lengths) == 0
    assert detector_loss(similarity, tokens, tokens, table, lengths + 1) > 0


@pytest.mark.parametrize(("mode", "field"), [("fixed", "threshold"), ("adaptive", "fraction")])
def test_a_higher_bar_masks_no_fewer_and_never_padding(mode: str, field: str) -> None:
    torch.manual_seed(0)
    similarity, lengths = torch.rand(3, 50), torch.tensor([50, 20, 1])
    before = torch.zeros(3, 50, dtype=torch.bool)
    for bar in (0.0, 0.1, 0.3, 0.3, 0.9, 1.0):
        mask = misaligned(similarity, dataclasses.replace(CONFIG.detector, mode=mode, **{field: bar}), lengths)
        assert (before <= mask).all()
        assert not mask[1, 20:].any() and not mask[2, 1:].any()
        before = mask
    assert before.sum() == 71


def test_adaptive_masks_the_lowest_of_each_clip() -> None:
    config = DetectorConfig(mode="adaptive", threshold=0.9, fraction=0.25)
    mask = misaligned(torch.tensor([[0.9, 0.1, 0.5, 0.7], [0.1, 0.2, 0.3, 0.0]]), config, torch.tensor([4, 4]))
    assert mask.tolist() == [[False, True, False, False], [False, False, False, True]]


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="magic"):
        misaligned(torch.zeros(1, 1), DetectorConfig("magic", 0.9, 0.1), torch.tensor([1]))
