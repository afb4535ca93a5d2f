"""Trains the ear for emotions on RAVDESS's train split, each take heard in several ways.

As recorded, some through the project's codec, and each twice by somebody of another size, through a filter, in noise:
none of these is an emotion. Pitch and tempo change too little to become one.
"""

from __future__ import annotations

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.codec.codec import Codec
from imagintalk.data.cache import Example, of_split
from imagintalk.data.ravdess import UNSEEN_TALKERS
from imagintalk.evaluation.ears.emotion import EmotionNetwork
from imagintalk.evaluation.ears.emotion_features import emotion_features
from imagintalk.rates import SAMPLE_RATE
from imagintalk.training.code_table import CodeTable
from imagintalk.training.resynthesis import through_codec
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.types import Notify, Progress

RECIPE = Recipe(
    steps=3000, learning_rate=2e-3, warmup=100, decay_share=0.7, weight_decay=0.1, ema_decay=0.99, validate_every=100
)
BATCH = 128
SMOOTHING = 0.1
VARIED = 2
"""Copies of a take in other ways."""
CODED_EVERY = 4
"""Of the takes to train on, one in so many is heard through the codec too: it takes longest."""
SPEED = (0.88, 1.13)
"""Played faster or slower: vocal tract, pitch and tempo together, as of a smaller or a larger person."""
FILTER_DB = 8.0
"""At six points of the frequency axis, as much up or down."""
NOISE_SHARE = 0.6
NOISE_DB = (-50.0, -18.0)
"""Of the recording's level."""

Heard = dict[str, NDArray[np.float32]]
"""By an example's name, features (ways, 237); first as recorded, second (of takes to train on: of some) coded."""


class EmotionObjective(nn.Module):
    """The network and its loss."""

    def __init__(self) -> None:
        super().__init__()
        self.network = EmotionNetwork()

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        logits = self.network(batch["features"])
        loss = functional.cross_entropy(logits, batch["emotions"], label_smoothing=SMOOTHING)
        right = (logits.argmax(1) == batch["emotions"]).float().mean()
        return loss, {"loss": float(loss.detach()), "right": float(right)}


class EmotionStage(Stage):
    """The emotion network over all takes with an emotion."""

    name = "emotion"

    def __init__(
        self, examples: list[Example], codec: Codec, codes: CodeTable, notify: Notify, recipe: Recipe = RECIPE
    ) -> None:
        """examples: prepared takes with emotions; `codec` decodes their `codes`."""
        self.recipe = recipe
        objective = EmotionObjective()
        self.objective, self.network = objective, objective.network
        self.parts = {"emotion": self.network}
        self.training_set, self.validation_set = of_split(examples, "train"), of_split(examples, "validation")
        self.test_set = of_split(examples, "test")
        self.strangers = [e for e in examples if e.talker in UNSEEN_TALKERS]
        self.heard = listen(examples, codec, codes, notify)
        everything = np.concatenate([self.heard[e.name] for e in self.training_set])
        self.network.scale_to(torch.from_numpy(everything))
        chances = 1 / np.bincount([int(e.emotion or 0) for e in self.training_set])
        weights = np.array([chances[int(e.emotion or 0)] for e in self.training_set])
        self.chances = weights / weights.sum()  # every emotion as often: RAVDESS has half as much neutral

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen = [self.training_set[i] for i in rng.choice(len(self.training_set), BATCH, p=self.chances)]
        rows = [self.heard[e.name][int(rng.integers(len(self.heard[e.name])))] for e in chosen]
        return {
            "features": torch.from_numpy(np.stack(rows)),
            "emotions": torch.tensor([int(e.emotion or 0) for e in chosen]),
        }

    def validate(self) -> Metrics:
        """Share of takes named right; the mean loss of both ways decides."""
        figures = self._figures(self.validation_set)
        return {**figures, "score": (figures["loss_recording"] + figures["loss_codec"]) / 2}

    def test(self) -> Metrics:
        """Share of test takes named right, and of all takes by actors of whom none was trained on."""
        self.network.eval()
        with torch.inference_mode():
            known, strange = self._figures(self.test_set), self._figures(self.strangers)
        return known | {f"unseen_actors_{name}": value for name, value in strange.items()}

    def _figures(self, examples: list[Example]) -> Metrics:
        """Share of takes named right, and the loss: as recorded, and through the codec."""
        figures: Metrics = {}
        device = self.accelerator.device
        truth = torch.tensor([int(e.emotion or 0) for e in examples], device=device)
        for number, way in enumerate(("recording", "codec")):
            if examples:
                features = np.stack([self.heard[e.name][number] for e in examples])
                logits = self.network(torch.from_numpy(features).to(device))
                figures[f"right_{way}"] = float((logits.argmax(1) == truth).float().mean())
                figures[f"loss_{way}"] = float(functional.cross_entropy(logits, truth))
        return figures


def listen(examples: list[Example], codec: Codec, codes: CodeTable, notify: Notify) -> Heard:
    """Features of each example in all ways; those of the train split varied too. The same for the same examples."""
    codec.eval()
    heard: Heard = {}
    for count, example in enumerate(examples, 1):
        rng = np.random.default_rng(count)
        sounds = [example.samples]
        if example.split != "train" or count % CODED_EVERY == 0:
            sounds.append(through_codec(example, codec, codes))
        if example.split == "train":
            sounds += [varied(example.samples, rng) for _ in range(VARIED)]
        # At the level that corpora share, shouting leaves [-1, 1], where ears would hear it cut off.
        scaled = (samples / max(1.0, float(np.abs(samples).max())) for samples in sounds)
        heard[example.name] = np.stack([emotion_features(samples, SAMPLE_RATE) for samples in scaled])
        notify(Progress("listen", count / len(examples)))
    return heard


def varied(samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """(M,) of samples (N,): by somebody a little larger or smaller, through a filter, in noise."""
    played: NDArray[np.float32] = soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE / float(rng.uniform(*SPEED)))
    spectrum = np.fft.rfft(played)
    places = np.linspace(0, 1, 6) ** 2
    curve = np.interp(np.linspace(0, 1, len(spectrum)), places, rng.uniform(-FILTER_DB, FILTER_DB, 6))
    filtered = np.fft.irfft(spectrum * 10 ** (curve / 20), len(played))
    if rng.random() < NOISE_SHARE:
        level = np.sqrt(np.mean(np.square(filtered))) * 10 ** (float(rng.uniform(*NOISE_DB)) / 20)
        filtered = filtered + level * rng.standard_normal(len(filtered))
    changed: NDArray[np.float32] = filtered.astype(np.float32)
    return changed
