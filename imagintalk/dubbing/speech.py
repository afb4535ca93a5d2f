"""From conditions to codes, and from codes to sound of the clip's exact length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from imagintalk.config import CodecConfig, Guidance
from imagintalk.device import half_pays
from imagintalk.diffusion.conditions import Conditions, Prompt
from imagintalk.diffusion.guidance import guided_score
from imagintalk.diffusion.sampler import SamplerOptions, generators_of
from imagintalk.diffusion.windows import sample_windows
from imagintalk.dubbing.parts import Parts
from imagintalk.rates import SAMPLE_RATE, TOKEN_HZ, exact_ratio, samples_of
from imagintalk.refine.content import content_states
from imagintalk.types import Emotion, Speech, Style, VoicePrompt

OVERLAP_S = 1
"""How much of the speech before it a window of a long clip sees. Ours."""
TAKES_AT_ONCE = 8
"""More takes are sampled group after group, so that memory does not grow with their number."""


@torch.inference_mode()
def conditions_of(parts: Parts, c_lip: Tensor, style: Style) -> Conditions:
    """What steers one clip, as a batch of one. c_lip: (1, T50, content width)."""
    identity, emotion = (torch.from_numpy(values)[None].to(c_lip) for values in (style.c_id, style.emotion))
    prompt = None if style.prompt is None else _prompt_of(parts, style.prompt)
    return Conditions(c_lip, identity, emotion, prompt)


def _prompt_of(parts: Parts, prompt: VoicePrompt) -> Prompt:
    """As a batch of one. Its manner is taken for neutral."""
    codes, ids = (torch.from_numpy(values)[None].to(parts.device) for values in (prompt.codes, prompt.ids))
    lengths = torch.tensor([ids.shape[1]], device=parts.device)
    lip = content_states(parts.language, ids, lengths, parts.config.lips.token_width)
    neutral = functional.one_hot(torch.full_like(ids, Emotion.NEUTRAL), len(Emotion)).to(lip)
    return Prompt(codes, lip, neutral)


def all_masked(codec: CodecConfig, frames50: int) -> Tensor:
    """Codes (levels, frames) at the codec's rate, int64, of `frames50` frames at 50 Hz, all of them [MASK]."""
    return torch.full((codec.levels, exact_ratio(frames50 * codec.frame_rate, TOKEN_HZ)), codec.codebook_size)


@torch.inference_mode()
def imagine(
    parts: Parts,
    conditions: Conditions,
    start: Tensor,
    seeds: Sequence[int],
    options: SamplerOptions,
    guidance: Guidance,
    report: Callable[[float], None],
) -> Tensor:
    """Codes (takes, levels, frames) at the codec's rate, int64, CPU: the [MASK] codes of `start` sampled.

    start: (levels, frames), [MASK] = codebook size; other codes are known and stay. One take for each seed; several are
    sampled together, each with the noise that it would draw alone. What `report` raises stops it within one step.
    """
    config, device = parts.config, parts.device
    rate, size = config.codec.frame_rate, config.codec.codebook_size
    half = half_pays(device)  # log-scores move by 0.007 (deviation), measured

    def sample_together(group: Sequence[int], report: Callable[[float], None]) -> Tensor:
        together = conditions.repeat(len(group))
        return sample_windows(
            lambda first, stop: guided_score(parts.diffusion, together.window(first, stop, rate), guidance),
            start.to(device).expand(len(group), -1, -1),
            size,
            generators_of(group),
            options,
            window=exact_ratio(config.diffusion.window_frames * rate, TOKEN_HZ),
            overlap=OVERLAP_S * rate,
            frame_rate=rate,
            notify=report,
            codebooks=parts.codec.quantizer.codebooks,
        ).cpu()

    def share_of(first: int, count: int) -> Callable[[float], None]:
        return lambda fraction: report((first + count * fraction) / len(seeds))

    firsts = range(0, len(seeds), TAKES_AT_ONCE)
    groups = [seeds[first : first + TAKES_AT_ONCE] for first in firsts]
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        return torch.cat(
            [sample_together(group, share_of(first, len(group))) for first, group in zip(firsts, groups, strict=True)]
        )


@torch.inference_mode()
def sound_of(parts: Parts, codes: Tensor, duration_s: Fraction) -> Speech:
    """Codes (levels, frames) as speech of exactly round(duration * 24000) samples; what a tail lacks is silence."""
    samples = parts.codec.decode(codes[None].to(parts.device))[0].float().cpu().numpy()
    return Speech(fit_length(samples, samples_of(duration_s)), SAMPLE_RATE)


def fit_length(samples: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """(count,) samples in [-1, 1]: cut, or followed by silence."""
    cut = np.clip(samples[:count], -1.0, 1.0)
    return np.pad(cut, (0, count - len(cut)))
