"""Fits the lip aligner to a talker: its projections, token table, norms and biases; the pictures' encoder stays.

What changes is a small share of the weights, so that few clips cannot spoil the rest, and none of it lies before the
encoder's output, so that each picture is encoded only a few times. Clips kept aside decide when to stop, and whether
anything is changed at all. Ours; the paper knows no adaptation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.adapting.clips import HeardClip
from imagintalk.config import LipsConfig
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.crop import centre_crop, random_crop
from imagintalk.lip.loss import token_loss
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME

STEPS, BATCH, WARMUP = 80, 8, 10
LEARNING_RATE = 3e-4
CROPS = 6
"""Random crops of each clip; every one is encoded once."""
ASIDE_EVERY = 5
"""One clip of so many is kept aside; of fewer clips none."""
CHECK_EVERY = 10
"""Steps after which the clips kept aside are read."""
CHANGED = ("project", "upsample", "tokens")
"""Modules of the aligner that change as a whole; of the others behind the encoder norms and biases."""
_ENCODING = 0.3
"""Share of the time that encoding takes."""


@dataclass(frozen=True)
class Tuned:
    """What became of the lips."""

    lips: dict[str, Tensor]
    """Changed weights by the aligner's names; empty when none read the clips kept aside better."""
    before: float | None
    """Mean cross-entropy of the tokens on clips kept aside; None without such."""
    after: float | None


@dataclass(frozen=True)
class _Encoded:
    crops: tuple[Tensor, ...]
    """Each (T, channels), 25 Hz."""
    ids: Tensor
    """(2 T,)."""


def tune(
    aligner: LipAligner,
    config: LipsConfig,
    clips: Sequence[Sequence[HeardClip]],
    report: Callable[[float], None],
    seed: int = 0,
) -> Tuned:
    """Fit a copy of the aligner to a talker's clips, each in pieces. The same clips and seed give the same weights.

    report: called with the share that is done; what it raises stops the work.
    """
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    kept = [len(clips) >= ASIDE_EVERY and number % ASIDE_EVERY == ASIDE_EVERY - 1 for number in range(len(clips))]
    own = copy.deepcopy(aligner).eval()
    learnt: list[_Encoded] = []
    aside: list[_Encoded] = []
    for number, (pieces, is_aside) in enumerate(zip(clips, kept, strict=True), 1):
        encoded = [_encode(own, config, piece, None if is_aside else generator) for piece in pieces]
        (aside if is_aside else learnt).extend(encoded)
        report(_ENCODING * number / len(clips))
    changed = _changed(own)
    optimizer = torch.optim.AdamW(changed.values(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    before = best = _loss(own, aside) if aside else None
    lips: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of dropout
        for step in range(1, STEPS + 1):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(1.0, step / WARMUP, (STEPS - step + 1) / (0.5 * STEPS))
            _learn(own, changed, learnt, optimizer, rng)
            report(_ENCODING + (1 - _ENCODING) * step / STEPS)
            if not aside:
                continue
            now = _loss(own, aside) if step % CHECK_EVERY == 0 else None
            if now is not None and best is not None and now < best:
                best, lips = now, _copied(changed)
    return Tuned(lips if aside else _copied(changed), before, best)


def _changed(aligner: LipAligner) -> dict[str, nn.Parameter]:
    aligner.requires_grad_(False)
    names = {
        name: parameter
        for name, parameter in aligner.named_parameters()
        if not name.startswith("visual.") and (parameter.dim() < 2 or name.split(".")[0] in CHANGED)
    }
    for parameter in names.values():
        parameter.requires_grad_(True)
    return names


def _copied(changed: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """In half precision, as they are kept, so that what was chosen is what will be used."""
    return {name: parameter.detach().to(torch.float16).float().cpu() for name, parameter in changed.items()}


@torch.no_grad()
def _encode(aligner: LipAligner, config: LipsConfig, clip: HeardClip, generator: torch.Generator | None) -> _Encoded:
    """Features of random crops, or without a generator of the centre crop."""
    device = aligner.tokens.weight.device
    mouth = torch.from_numpy(clip.mouth)[None].to(device)
    lengths = torch.tensor([mouth.shape[1]], device=device)
    if generator is None:
        crops = [centre_crop(mouth, lengths, config)]
    else:
        crops = [random_crop(mouth, lengths, config, generator) for _ in range(CROPS)]
    seen = tuple(aligner.visual(crop, lengths)[0] for crop in crops)
    return _Encoded(seen, torch.from_numpy(clip.ids).to(device))


def _learn(
    aligner: LipAligner,
    changed: dict[str, nn.Parameter],
    clips: Sequence[_Encoded],
    optimizer: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> None:
    for module in aligner.modules():
        if isinstance(module, nn.Dropout):  # batch statistics of a few clips would be worse than those that are known
            module.train()
    chosen = [clips[i] for i in rng.permutation(len(clips))[:BATCH]]
    seen = [clip.crops[int(rng.integers(len(clip.crops)))] for clip in chosen]
    lengths = torch.tensor([len(features) for features in seen], device=seen[0].device)
    padded = nn.utils.rnn.pad_sequence(seen, batch_first=True)
    ids = nn.utils.rnn.pad_sequence([clip.ids for clip in chosen], batch_first=True)
    place = padded.device.type
    # Where the CPU multiplies bfloat16 itself it is faster, and the optimizer's sums stay in float32.
    half = place == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    with torch.autocast(place, torch.bfloat16, enabled=half):
        logits = aligner.align(padded, lengths).logits
    loss = token_loss(logits, ids, lengths * TOKENS_PER_VIDEO_FRAME)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(changed.values(), 1.0)
    optimizer.step()


@torch.no_grad()
def _loss(aligner: LipAligner, clips: Sequence[_Encoded]) -> float:
    """Mean cross-entropy over all frames."""
    aligner.eval()
    total = frames = 0.0
    for clip in clips:
        lengths = torch.tensor([len(clip.crops[0])], device=clip.ids.device)
        logits = aligner.align(clip.crops[0][None], lengths).logits[0]
        total += float(functional.cross_entropy(logits, clip.ids, reduction="sum"))
        frames += len(clip.ids)
    return total / frames
