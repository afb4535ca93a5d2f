"""What steers the network: lips, identity and emotion."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from imagintalk.rates import TOKEN_HZ, exact_ratio

NAMES: tuple[str, ...] = ("lip", "identity", "emotion")
"""Order of the columns of every `keep` mask, (batch, 3), bool: False drops the condition."""


@dataclass(frozen=True)
class Prompt:
    """A piece of speech in the wanted voice, heard before the clip: it tells more of a voice than one vector can.

    Ours, after masked speech models that continue a recording (arXiv 2409.00750); the paper has a vector only.
    """

    codes: Tensor
    """(batch, levels, P), int64, codec rate, none of them [MASK]."""
    lip: Tensor
    """(batch, frames at 50 Hz, d_lip), float, c_lip of what is said there."""
    emotion: Tensor
    """(batch, frames at 50 Hz, 8), float, weight per `Emotion`."""

    def repeat(self, times: int) -> Prompt:
        """The whole batch, `times` times one after another."""
        return Prompt(*(values.repeat(times, 1, 1) for values in (self.codes, self.lip, self.emotion)))


@dataclass(frozen=True)
class Conditions:
    """Conditions of a batch."""

    lip: Tensor
    """(batch, frames at 50 Hz, d_lip), float, c_lip."""
    identity: Tensor
    """(batch, 256), float, c_id, unit length."""
    emotion: Tensor
    """(batch, frames at 50 Hz, 8), float, weight per `Emotion`."""
    prompt: Prompt | None = None
    """Part of the identity: dropped with it."""

    def repeat(self, times: int) -> Conditions:
        """The whole batch, `times` times one after another."""
        return Conditions(
            self.lip.repeat(times, 1, 1),
            self.identity.repeat(times, 1),
            self.emotion.repeat(times, 1, 1),
            None if self.prompt is None else self.prompt.repeat(times),
        )

    def window(self, start: int, stop: int, frame_rate: int) -> Conditions:
        """The part for codec frames `start` to `stop`. Raises ValueError unless `start` falls on a 50 Hz frame."""
        first = exact_ratio(start * TOKEN_HZ, frame_rate)
        last = -(-stop * TOKEN_HZ // frame_rate)
        return Conditions(self.lip[:, first:last], self.identity, self.emotion[:, first:last], self.prompt)


def at_codec_rate(values: Tensor, frames: int, frame_rate: int) -> Tensor:
    """Values at 50 Hz, (batch, T50, width), held to codec frames, (batch, frames, width).

    Each codec frame takes the 50 Hz frame that its middle falls into, so that padding never leaks into valid frames.
    Raises ValueError when there are too few values.
    """
    if frame_rate == TOKEN_HZ and values.shape[1] == frames:
        return values
    index = (2 * torch.arange(frames, device=values.device) + 1) * TOKEN_HZ // (2 * frame_rate)
    if frames and int(index[-1]) >= values.shape[1]:
        raise ValueError(
            f"expected conditions at {TOKEN_HZ} Hz for {frames} codec frames at {frame_rate} Hz, "
            f"at least {int(index[-1]) + 1}, got {values.shape[1]}"
        )
    return values[:, index]
