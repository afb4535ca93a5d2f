"""Codec losses and their balance."""

from __future__ import annotations

import pytest
import torch

from imagintalk.codec.balancer import Balancer
from imagintalk.codec.losses import SpectralLoss, adversary_loss, deceiving_loss, discriminator, feature_loss


def test_spectral_loss_is_zero_only_for_the_same_sound() -> None:
    loss, sound = SpectralLoss(), torch.randn(2, 12_000) * 0.1
    assert float(loss(sound, sound)) == pytest.approx(0, abs=1e-6)
    assert float(loss(sound * 0.5, sound)) > 0.1


def test_balancer_ignores_the_scale_of_a_loss() -> None:
    torch.manual_seed(0)
    target = torch.randn(2, 1, 100)

    def direction(scale: float) -> torch.Tensor:
        output = torch.zeros(2, 1, 100, requires_grad=True)
        losses = {"a": (output - target).square().sum(), "b": scale * (output + target.flip(-1)).square().sum()}
        return Balancer({"a": 1.0, "b": 1.0}, reference="a").gradient(losses, output)

    torch.testing.assert_close(direction(1.0), direction(1000.0), rtol=1e-3, atol=1e-5)


def test_balancer_alone_gives_the_reference_its_own_gradient() -> None:
    output = torch.randn(1, 1, 50, requires_grad=True)
    loss = output.square().sum()
    balanced = Balancer({"a": 3.0}, reference="a").gradient({"a": loss}, output)
    torch.testing.assert_close(balanced, 2 * output.detach())


def test_balancer_resumes_to_the_same() -> None:
    first, second = Balancer({"a": 1.0}, "a"), Balancer({"a": 1.0}, "a")
    output = torch.randn(1, 1, 50, requires_grad=True)
    first.gradient({"a": output.square().sum()}, output)
    second.load_state_dict(first.state_dict())
    one = first.gradient({"a": output.pow(4).sum()}, output)
    torch.testing.assert_close(one, second.gradient({"a": output.pow(4).sum()}, output))


def test_adversary_losses_pull_apart_and_together() -> None:
    torch.manual_seed(0)
    adversary = discriminator(2)
    real, real_maps = adversary(torch.randn(1, 1, 6000))
    fake, fake_maps = adversary(torch.zeros(1, 1, 6000))
    assert float(adversary_loss([torch.full((1,), 2.0)], [torch.full((1,), -2.0)])) == 0
    assert float(deceiving_loss([torch.full((1,), 2.0)])) == 0
    assert float(feature_loss(real_maps, real_maps)) == 0
    assert float(feature_loss(real_maps, fake_maps)) > 0
    assert float(adversary_loss(real, fake)) > 0
