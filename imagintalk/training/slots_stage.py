"""Trains the ear for GRID's sentences on the train split's recordings, said again in other ways while it trains.

Those ways: through the project's codec, in other voices and emotions (the corpus `restyled`), and in each batch with
another tempo, vocal tract, filter, noise, place in time, and with pieces blanked out.
"""

from __future__ import annotations

import numpy as np
import soxr
import torch
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.codec.codec import Codec
from imagintalk.data.cache import RESTYLED, Example, of_split
from imagintalk.evaluation.ears.slots import (
    FRAME_HZ,
    MELS,
    WORDS,
    SlotNetwork,
    mel_decibels,
    normalised,
    sentences,
)
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE
from imagintalk.training.code_table import CodeTable
from imagintalk.training.mix import Mix
from imagintalk.training.resynthesis import through_codec
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.types import Notify, Progress

RECIPE = Recipe(
    steps=1600, learning_rate=2e-3, warmup=100, decay_share=0.7, weight_decay=0.02, ema_decay=0.99, validate_every=200
)
BATCH = 20
SHARES = {"grid": 1.0, RESTYLED: 1.0, "drawn": 0.15}
CODED_EVERY = 6
"""Of the restyled recordings, one in so many is heard through the codec."""
ATTENTION_WEIGHT = 0.3
SMOOTHING = 0.05

TEMPO = (0.84, 1.18)
TRACT = (0.87, 1.15)
"""Factor of all frequencies on the mel axis."""
FILTER_DB = 8.0
"""At five points of the mel axis, as much up or down."""
NOISE_SHARE = 0.7
NOISE_DB = (-45.0, -5.0)
"""Of the loudest point of each band's mean, with a tilt of up to 15 dB over the axis."""
SHIFT_FRAMES = 20
BLANKS = 2
BLANK_FRAMES, BLANK_MELS = 10, 9

Mels = dict[tuple[str, str], list[Tensor]]


class SlotsObjective(nn.Module):
    """The network and its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.network = SlotNetwork()

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        """Cross-entropy of each place, and how little of the attention lies on the word where its times are known."""
        heard = self.network(batch["mel"], batch["lengths"])
        targets = batch["words"]
        named = sum(
            functional.cross_entropy(logits, targets[:, place], label_smoothing=SMOOTHING)
            for place, logits in enumerate(heard.logits)
        )
        on_word = (heard.attention * batch["spans"]).sum(dim=2)
        known = batch["spans"].amax(dim=2)
        looked = -(torch.log(on_word + 1e-4) * known).sum() / known.sum().clamp_min(1)
        loss = named + ATTENTION_WEIGHT * len(WORDS) * looked
        wrong = torch.stack([logits.argmax(1) != targets[:, place] for place, logits in enumerate(heard.logits)])
        return loss, {"loss": float(loss.detach()), "wrong": float(wrong.float().mean())}


class SlotsStage(Stage):
    """The slot recogniser over all recordings of GRID's sentences."""

    name = "slots"

    def __init__(
        self, examples: list[Example], codec: Codec, codes: CodeTable, notify: Notify, recipe: Recipe = RECIPE
    ) -> None:
        """examples: prepared recordings whose texts are GRID's sentences; `codec` decodes their `codes`."""
        self.recipe = recipe
        objective = SlotsObjective()
        self.objective, self.network = objective, objective.network
        self.parts = {"slots": self.network}
        self.mix = Mix(of_split(examples, "train"), SHARES)
        self.validation_set, self.test_set = of_split(examples, "validation"), of_split(examples, "test")
        self.mels = _listen([*self.mix.examples, *self.validation_set, *self.test_set], codec, codes, notify)

    def batch(self, rng: np.random.Generator) -> Batch:
        rows = []
        for example in self.mix.draw(BATCH, rng):
            versions = self.mels[example.corpus, example.name]
            rows.append(_varied(example, versions[int(rng.integers(len(versions)))], rng))
        return _padded(rows)

    def validate(self) -> Metrics:
        """Errors on GRID's validation recordings; the mean of both ways decides."""
        rates = self._figures(self.validation_set)
        return {**rates, "score": float(np.mean(list(rates.values())))}

    def test(self) -> Metrics:
        """Errors on GRID's test recordings, with the weights as they are."""
        self.network.eval()
        with torch.inference_mode():
            return self._figures(self.test_set)

    def _figures(self, examples: list[Example]) -> Metrics:
        """Errors per word of recordings as they are, and through the codec."""
        wrong: dict[str, list[bool]] = {"recording": [], "codec": []}
        for example in examples:
            for way, decibels in zip(wrong, self.mels[example.corpus, example.name], strict=True):
                mel = normalised(decibels)[None].to(self.accelerator.device)
                heard = self.network(mel, torch.tensor([mel.shape[1]], device=mel.device))
                said = sentences(tuple(logits.float().cpu() for logits in heard.logits))[0]
                wrong[way] += [a != b for a, b in zip(said.split(), example.text.split(), strict=True)]
        return {f"wer_{way}": float(np.mean(found)) for way, found in wrong.items() if found}


def _listen(examples: list[Example], codec: Codec, codes: CodeTable, notify: Notify) -> Mels:
    """Mel spectra of each example, as recorded and through the codec; of restyled ones either, for time."""
    codec.eval()
    mels: Mels = {}
    for count, example in enumerate(examples, 1):
        restyled = example.corpus == RESTYLED
        sounds = [example.samples] if not restyled or count % CODED_EVERY else []
        if not restyled or not sounds:
            sounds.append(through_codec(example, codec, codes))
        ears = (soxr.resample(samples, SAMPLE_RATE, EAR_SAMPLE_RATE) for samples in sounds)
        mels[example.corpus, example.name] = [mel_decibels(samples.astype(np.float32)) for samples in ears]
        notify(Progress("listen", count / len(examples)))
    return mels


def _varied(example: Example, decibels: Tensor, rng: np.random.Generator) -> tuple[Tensor, list[int], Tensor]:
    """Normalised mel spectrum (frames, 64), numbers of the words, and their times (6, 2) in its frames, NaN unknown."""
    tempo = float(rng.uniform(*TEMPO))
    mel = _warped(decibels, tempo, float(rng.uniform(*TRACT)))
    points = torch.from_numpy(rng.uniform(-FILTER_DB, FILTER_DB, (1, 1, 5)).astype(np.float32))
    mel = mel + functional.interpolate(points, size=MELS, mode="linear", align_corners=True)[0]
    if rng.random() < NOISE_SHARE:
        mel = _noisy(mel, rng)
    shift = int(rng.integers(-10, SHIFT_FRAMES))
    after = int(rng.integers(0, SHIFT_FRAMES))
    quiet = torch.quantile(mel, 0.05, dim=0, keepdim=True)
    mel = torch.cat([quiet.expand(max(shift, 0), -1), mel[max(-shift, 0) :], quiet.expand(after, -1)])
    mel = normalised(mel)
    for _ in range(BLANKS):
        width, height = int(rng.integers(BLANK_FRAMES)), int(rng.integers(BLANK_MELS))
        start, low = int(rng.integers(len(mel) - width)), int(rng.integers(MELS - height))
        mel[start : start + width] = 0
        mel[:, low : low + height] = 0
    numbers = [known.index(word) for word, known in zip(example.text.split(), WORDS, strict=True)]
    times = torch.full((len(WORDS), 2), torch.nan)
    if len(example.words) == len(WORDS):
        times = torch.tensor([(start, end) for start, end, _ in example.words]) * (FRAME_HZ * tempo) + shift
    return mel, numbers, times


def _warped(decibels: Tensor, tempo: float, tract: float) -> Tensor:
    """The spectrum (frames * tempo, 64) stretched along time, and along the mel axis about its lower end."""
    frames = round(len(decibels) * tempo)
    time = torch.linspace(-1, 1, frames)[:, None].expand(-1, MELS)
    band = (torch.linspace(0, 2, MELS) / tract - 1)[None].expand(frames, -1)
    grid = torch.stack([band, time], dim=-1)[None]
    made: Tensor = functional.grid_sample(decibels[None, None], grid, align_corners=True, padding_mode="border")
    return made[0, 0]


def _noisy(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """With noise added in power: a tilted spectrum that flickers as the power of noise does."""
    level = float(mel.mean(dim=1).max()) + float(rng.uniform(*NOISE_DB))
    tilt = torch.linspace(-1, 1, MELS) * float(rng.uniform(-7.5, 7.5))
    flicker = torch.from_numpy(rng.gamma(3.0, 1 / 3.0, tuple(mel.shape)).astype(np.float32))
    return 10 * torch.log10(10 ** (mel / 10) + flicker * 10 ** ((level + tilt) / 10) + 1e-10)


def _padded(rows: list[tuple[Tensor, list[int], Tensor]]) -> Batch:
    """mel (B, T, 64), lengths (B,), words (B, 6), spans (B, 6, T / 2): 1 where the word is spoken; unknown: all 0."""
    lengths = torch.tensor([len(mel) for mel, _, _ in rows])
    longest = int(lengths.max())
    mel = torch.stack([functional.pad(m, (0, 0, 0, longest - len(m))) for m, _, _ in rows])
    centres = torch.arange((longest + 1) // 2) * 2 + 0.5
    times = torch.stack([t for _, _, t in rows])[..., None]
    spans = ((centres >= times[:, :, 0] - 4) & (centres <= times[:, :, 1] + 4)).float()
    return {"mel": mel, "lengths": lengths, "words": torch.tensor([w for _, w, _ in rows]), "spans": spans}
