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
from imagintalk.device import half_pays
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.crop import centre_crop, random_crop
from imagintalk.lip.loss import UNLABELLED, token_loss, word_loss
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME

STEPS, BATCH, WARMUP = 80, 8, 10
"""Measured with ten clips of GRID's s4 and a temporal encoder that had never met it: 4.80 nats a token on ten further
clips became 3.75, and with 200 steps 3.72."""
LEARNING_RATE = 3e-4
HEAD_LEARNING_RATE = 3e-3
"""Of the head that names words, which begins anew."""
WORD_WEIGHT = 0.5
"""Of the loss of words, where a transcript tells them; the head is thrown away."""
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
    words: Tensor
    """(2 T,) number of the word, or UNLABELLED."""


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of dropout and of the words' head
        fit = _Fit(aligner, config, clips, seed)
        return fit.run(report)


class _Fit:
    def __init__(
        self, aligner: LipAligner, config: LipsConfig, clips: Sequence[Sequence[HeardClip]], seed: int
    ) -> None:
        self.config, self.clips = config, clips
        self.own = copy.deepcopy(aligner).eval()
        self.changed = _changed(self.own)
        known = sorted({word for pieces in clips for piece in pieces for word in piece.words})
        self.vocabulary = {word: number for number, word in enumerate(known)}
        self.device = self.own.tokens.weight.device
        self.head = nn.Linear(config.token_width, len(known)).to(self.device) if known else None
        self.rng, self.generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        groups = [{"params": list(self.changed.values()), "full": LEARNING_RATE}]
        if self.head is not None:
            groups.append({"params": list(self.head.parameters()), "full": HEAD_LEARNING_RATE})
        self.optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0)

    def run(self, report: Callable[[float], None]) -> Tuned:
        learnt, aside = self._encode_all(lambda share: report(_ENCODING * share))
        before = best = _loss(self.own, aside) if aside else None
        lips: dict[str, Tensor] = {}
        for step in range(1, STEPS + 1):
            self._learn(learnt, min(1.0, step / WARMUP, (STEPS - step + 1) / (0.5 * STEPS)))
            report(_ENCODING + (1 - _ENCODING) * step / STEPS)
            if best is not None and step % CHECK_EVERY == 0:
                now = _loss(self.own, aside)
                if now < best:
                    best, lips = now, self._copied()
        return Tuned(lips if aside else self._copied(), before, best)

    def _encode_all(self, report: Callable[[float], None]) -> tuple[list[_Encoded], list[_Encoded]]:
        """Clips to learn from, and those kept aside."""
        learnt: list[_Encoded] = []
        aside: list[_Encoded] = []
        for number, pieces in enumerate(self.clips):
            kept = len(self.clips) >= ASIDE_EVERY and number % ASIDE_EVERY == ASIDE_EVERY - 1
            (aside if kept else learnt).extend(self._encode(piece, kept) for piece in pieces)
            report((number + 1) / len(self.clips))
        return learnt, aside

    @torch.no_grad()
    def _encode(self, clip: HeardClip, kept: bool) -> _Encoded:
        """Features of random crops; of a clip kept aside of the centre crop."""
        mouth = torch.from_numpy(clip.mouth)[None].to(self.device)
        lengths = torch.tensor([mouth.shape[1]], device=self.device)
        if kept:
            crops = [centre_crop(mouth, lengths, self.config)]
        else:
            crops = [random_crop(mouth, lengths, self.config, self.generator) for _ in range(CROPS)]
        labels = [self.vocabulary[word] for word in clip.words] or [UNLABELLED] * len(clip.ids)
        return _Encoded(
            tuple(self.own.visual(crop, lengths)[0] for crop in crops),
            torch.from_numpy(clip.ids).to(self.device),
            torch.tensor(labels, device=self.device),
        )

    def _learn(self, clips: Sequence[_Encoded], rate: float) -> None:
        """One step. rate: of the full learning rates."""
        for module in self.own.modules():
            if isinstance(module, nn.Dropout):  # batch statistics of a few clips would be worse than those known
                module.train()
        chosen = [clips[i] for i in self.rng.permutation(len(clips))[:BATCH]]
        seen = [clip.crops[int(self.rng.integers(len(clip.crops)))] for clip in chosen]
        lengths = torch.tensor([len(features) for features in seen], device=self.device)
        lengths50 = lengths * TOKENS_PER_VIDEO_FRAME
        half = half_pays(self.device)  # the optimizer's sums stay in float32
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            aligned = self.own.align(nn.utils.rnn.pad_sequence(seen, batch_first=True), lengths)
            spoken = None if self.head is None else self.head(aligned.features)
        loss = token_loss(aligned.logits, _padded([clip.ids for clip in chosen]), lengths50)
        if spoken is not None:
            loss = loss + WORD_WEIGHT * word_loss(spoken, _padded([clip.words for clip in chosen]), lengths50)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.changed.values(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["full"]
        self.optimizer.step()

    def _copied(self) -> dict[str, Tensor]:
        """In half precision, as they are kept, so that what was chosen is what will be used."""
        return {name: tensor.detach().to(torch.float16).float().cpu() for name, tensor in self.changed.items()}


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


def _padded(rows: list[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


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
