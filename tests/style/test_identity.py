"""The identity adapter and its loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from imagintalk.config import load_config
from imagintalk.style.identity import SPEAKER_WIDTH, IdentityAdapter, alignment_loss


@pytest.mark.parametrize("name", ["tiny", "small", "paper"])
def test_any_identity_becomes_a_unit_vector(name: str) -> None:
    config = load_config(name).style
    adapter = IdentityAdapter(config)
    c_id = adapter(torch.randn(3, config.identity_width) * 7)
    assert c_id.shape == (3, SPEAKER_WIDTH)
    torch.testing.assert_close(c_id.norm(dim=1), torch.ones(3))


def test_scale_of_the_face_vector_does_not_matter() -> None:
    adapter = IdentityAdapter(load_config("tiny").style)
    face = torch.randn(1, 128)
    torch.testing.assert_close(adapter(face), adapter(face * 3))


def test_voice_of_is_the_forward_pass_on_one_face() -> None:
    adapter = IdentityAdapter(load_config("tiny").style)
    face = np.random.default_rng(0).normal(size=128).astype(np.float32)
    voice = adapter.voice_of(face)
    assert voice.shape == (SPEAKER_WIDTH,) and voice.dtype == np.float32
    np.testing.assert_allclose(voice, adapter(torch.from_numpy(face)[None])[0].detach().numpy(), rtol=1e-6)


def test_loss_by_hand() -> None:
    a = torch.eye(SPEAKER_WIDTH)[:1]
    b = torch.eye(SPEAKER_WIDTH)[1:2]
    assert alignment_loss(a, a).item() == pytest.approx(0, abs=1e-6)
    # cosine 0; two entries differ by 1: L1 and squared L2 are 2 each
    assert alignment_loss(a, b).item() == pytest.approx(1 + 2 + 2)
    assert alignment_loss(a, -a).item() == pytest.approx(2 + 2 + 4)


def test_overfits_a_batch_of_voices() -> None:
    torch.manual_seed(0)
    config = load_config("tiny").style
    adapter = IdentityAdapter(config)
    faces = torch.randn(4, config.identity_width)
    voices = functional.normalize(torch.randn(4, SPEAKER_WIDTH).relu(), dim=1)
    optimizer = torch.optim.Adam(adapter.parameters(), lr=3e-3)
    first = alignment_loss(adapter(faces), voices).item()
    for _ in range(400):
        optimizer.zero_grad()
        loss = alignment_loss(adapter(faces), voices)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 10
    similarity = functional.cosine_similarity(adapter(faces)[:, None], voices[None], dim=-1)
    assert similarity.diagonal().min() > 0.98 and similarity.argmax(dim=1).tolist() == [0, 1, 2, 3]
