"""Trains the lip aligner and, on what it says, the error detector (the paper's semantic-lip alignment stage)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imagintalk.codec.codec import Codec
from imagintalk.config import Config
from imagintalk.data.cache import Example, of_split
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.auxiliary import AuxiliaryHeads
from imagintalk.lip.crop import centre_crop, random_crop
from imagintalk.lip.detector import ErrorDetector, corrupted, detector_loss, similarity_table
from imagintalk.lip.loss import UNLABELLED, acoustic_loss, token_loss, word_loss
from imagintalk.rates import TOKEN_HZ, TOKENS_PER_VIDEO_FRAME
from imagintalk.training.mix import Mix
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.training.stretches import Stretch, StretchDraw, between, nearest, whole
from imagintalk.training.token_table import TokenTable

RECIPE = Recipe(steps=5000, learning_rate=1e-3, warmup=200, weight_decay=0.05, validate_every=250, ema_decay=0.998)
BATCH, FRAMES = 12, 75
SHARES = {"grid": 1.0, "drawn": 0.3}
WORD_WEIGHT, ACOUSTIC_WEIGHT, DETECTOR_WEIGHT = 0.5, 4.0, 1.0


class LipsObjective(nn.Module):
    """Aligner, detector and the heads that give little data a target at every frame."""

    similarity: Tensor

    def __init__(self, config: Config, words: int, centroids: Tensor) -> None:
        super().__init__()
        self.config = config
        self.aligner = LipAligner(config.lips, config.tokens)
        self.detector = ErrorDetector(config.lips)
        self.heads = AuxiliaryHeads(config.lips.token_width, words, config.codec.dimension)
        self.register_buffer("similarity", similarity_table(centroids.float()), persistent=False)

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        generator = torch.Generator().manual_seed(batch["seed"])
        lengths, ids = batch["lengths"], batch["ids"]
        if self.training:
            mouth = random_crop(batch["mouth"], lengths, self.config.lips, generator)
        else:
            mouth = centre_crop(batch["mouth"], lengths, self.config.lips)
        features, logits = self.aligner(mouth, lengths)
        words, sound = self.heads(features)
        lengths50 = lengths * TOKENS_PER_VIDEO_FRAME
        losses = {
            "token": token_loss(logits, ids, lengths50),
            "word": WORD_WEIGHT * word_loss(words, batch["words"], lengths50),
            "acoustic": ACOUSTIC_WEIGHT * acoustic_loss(sound, batch["sound"], lengths50),
            "detector": DETECTOR_WEIGHT * self.judge(features, logits, ids, lengths50, generator),
        }
        metrics = {name: float(value.detach()) for name, value in losses.items()}
        valid = torch.arange(ids.shape[1], device=ids.device)[None] < lengths50[:, None]
        predicted = logits.argmax(-1)
        metrics["accuracy"] = float((predicted == ids)[valid].float().mean())
        metrics["similarity"] = float(self.similarity[predicted, ids][valid].mean())
        labelled = valid & (batch["words"] > 0)
        metrics["word_accuracy"] = float((words.argmax(-1) == batch["words"])[labelled].float().mean())
        return torch.stack(list(losses.values())).sum(), metrics

    def judge(
        self, features: Tensor, logits: Tensor, ids: Tensor, lengths: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Loss of the detector on the aligner's tokens; the aligner itself learns nothing from it."""
        predicted = logits.detach().argmax(-1)
        chosen = corrupted(predicted, ids, self.config.tokens.size, generator) if self.training else predicted
        embedding = self.aligner.tokens(chosen).detach()
        similarity = self.detector(features.detach(), embedding, lengths)
        return detector_loss(similarity, chosen, ids, self.similarity, lengths)


class LipsStage(Stage):
    """Lip aligner and error detector on every recording with a picture."""

    name = "lips"
    objective: LipsObjective

    def __init__(
        self,
        config: Config,
        examples: list[Example],
        table: TokenTable,
        centroids: Tensor,
        codec: Codec,
        recipe: Recipe = RECIPE,
    ) -> None:
        self.recipe, self.table, self.codec = recipe, table, codec.eval()
        seen = [e for e in examples if e.has_picture]
        vocabulary = sorted({word for e in seen for _, _, word in e.words})
        self.words = {word: number for number, word in enumerate(vocabulary, 1)}
        self.objective = LipsObjective(config, 1 + len(vocabulary), centroids)
        self.parts = {"lips": nn.ModuleDict({"aligner": self.objective.aligner, "detector": self.objective.detector})}
        self.mix = Mix(of_split(seen, "train"), SHARES)
        self.stretches = StretchDraw(self.mix.examples)
        self.validation_set = of_split(seen, "validation")
        self._sounds: dict[tuple[str, str], NDArray[np.float32]] = {}

    def batch(self, rng: np.random.Generator) -> Batch:
        clips = [self.stretches.draw(example, FRAMES, rng) for example in self.mix.draw(BATCH, rng)]
        return self._collate(clips, int(rng.integers(2**31)))

    def _collate(self, clips: list[list[Stretch]], seed: int) -> Batch:
        frames50 = FRAMES * TOKENS_PER_VIDEO_FRAME
        side = clips[0][0].example.picture["mouth"].shape[1]
        batch: Batch = {
            "mouth": torch.zeros(len(clips), FRAMES, side, side, dtype=torch.uint8),
            "ids": torch.zeros(len(clips), frames50, dtype=torch.int64),
            "words": torch.full((len(clips), frames50), UNLABELLED),
            "sound": torch.zeros(len(clips), frames50, self.codec.config.dimension),
            "lengths": torch.zeros(len(clips), dtype=torch.int64),
            "seed": seed,
        }
        for row, stretches in enumerate(clips):
            mouth = np.concatenate([between(e.picture["mouth"], places) for e, places in stretches])
            length50 = TOKENS_PER_VIDEO_FRAME * len(mouth)
            batch["mouth"][row, : len(mouth)] = torch.from_numpy(mouth.round().astype(np.uint8))
            batch["ids"][row, :length50] = _joined(stretches, lambda e: self.table[e])
            batch["words"][row, :length50] = _joined(stretches, self._word_labels)
            sound = [between(self._sound(s.example), s.places50) for s in stretches]
            batch["sound"][row, :length50] = torch.from_numpy(np.concatenate(sound))
            batch["lengths"][row] = len(mouth)
        return batch

    @torch.no_grad()
    def _sound(self, example: Example) -> NDArray[np.float32]:
        """(T50, dimension) latents of the codec, 50 Hz: what is to be heard."""
        key = example.corpus, example.name
        if key not in self._sounds:
            latents = self.codec.encoder(torch.from_numpy(example.samples)[None, None])[0].T.numpy()
            places = np.arange(len(self.table[example])) * (self.codec.config.frame_rate / TOKEN_HZ)
            self._sounds[key] = between(latents, places)
        return self._sounds[key]

    def _word_labels(self, example: Example) -> NDArray[np.int64]:
        """(T50,) the word spoken there, 0 between words, `UNLABELLED` without word times."""
        labels = np.full(len(self.table[example]), 0 if example.words else UNLABELLED)
        for start, end, word in example.words:
            labels[round(start * TOKEN_HZ) : round(end * TOKEN_HZ)] = self.words[word]
        return labels

    def validate(self) -> Metrics:
        rows: list[Metrics] = []
        for start in range(0, len(self.validation_set), BATCH):
            batch = self._collate([whole(e, FRAMES) for e in self.validation_set[start : start + BATCH]], 0)
            moved = {k: v.to(self.accelerator.device) if torch.is_tensor(v) else v for k, v in batch.items()}
            with self.accelerator.autocast():
                rows.append(self.objective(moved)[1])
        mean = {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}
        # Features are content beside the tokens that are read from them, so what they tell of the sound counts as well.
        return mean | {"score": mean["token"] + mean["word"] + mean["acoustic"]}


def _joined(stretches: list[Stretch], values_of: Callable[[Example], NDArray[np.int64]]) -> Tensor:
    """(T50,) of what is said (T50 of each example), one stretch after another."""
    return torch.from_numpy(np.concatenate([nearest(values_of(s.example), s.places50) for s in stretches]))
