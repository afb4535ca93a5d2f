"""Trains the lip aligner and, on what it says, the error detector (the paper's semantic-lip alignment stage)."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from imagintalk.config import Config
from imagintalk.data.cache import Example, of_split
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.auxiliary import AuxiliaryHeads
from imagintalk.lip.crop import centre_crop, random_crop
from imagintalk.lip.detector import ErrorDetector, corrupted, detector_loss, similarity_table
from imagintalk.lip.loss import UNLABELLED, acoustic_loss, token_loss, word_loss
from imagintalk.rates import SAMPLE_RATE, SAMPLES_PER_TOKEN, TOKEN_HZ, TOKENS_PER_VIDEO_FRAME
from imagintalk.training.mix import Mix
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.training.token_table import TokenTable

RECIPE = Recipe(steps=5000, learning_rate=1e-3, warmup=200, weight_decay=0.05, validate_every=250, ema_decay=0.998)
BATCH, FRAMES = 12, 75
SHARES = {"grid": 1.0, "drawn": 0.3}
MELS = 40
WORD_WEIGHT, ACOUSTIC_WEIGHT, DETECTOR_WEIGHT = 0.5, 8.0, 1.0


class LipsObjective(nn.Module):
    """Aligner, detector and the heads that give little data a target at every frame."""

    similarity: Tensor

    def __init__(self, config: Config, words: int, centroids: Tensor) -> None:
        super().__init__()
        self.config = config
        self.aligner = LipAligner(config.lips, config.tokens)
        self.detector = ErrorDetector(config.lips)
        self.heads = AuxiliaryHeads(config.lips.token_width, words, MELS)
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
            "acoustic": ACOUSTIC_WEIGHT * acoustic_loss(sound, batch["mel"], lengths50),
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
        self, config: Config, examples: list[Example], table: TokenTable, centroids: Tensor, recipe: Recipe = RECIPE
    ) -> None:
        self.recipe, self.table = recipe, table
        seen = [e for e in examples if e.has_picture]
        vocabulary = sorted({word for e in seen for _, _, word in e.words})
        self.words = {word: number for number, word in enumerate(vocabulary, 1)}
        self.objective = LipsObjective(config, 1 + len(vocabulary), centroids)
        self.parts = {"lips": nn.ModuleDict({"aligner": self.objective.aligner, "detector": self.objective.detector})}
        self.mix = Mix(of_split(seen, "train"), SHARES)
        self.validation_set = of_split(seen, "validation")

    def batch(self, rng: np.random.Generator) -> Batch:
        return self._collate(self.mix.draw(BATCH, rng), int(rng.integers(2**31)), rng)

    def _collate(self, examples: list[Example], seed: int, rng: np.random.Generator) -> Batch:
        frames50 = FRAMES * TOKENS_PER_VIDEO_FRAME
        side = examples[0].picture["mouth"].shape[1]
        batch: Batch = {
            "mouth": torch.zeros(len(examples), FRAMES, side, side, dtype=torch.uint8),
            "ids": torch.zeros(len(examples), frames50, dtype=torch.int64),
            "words": torch.full((len(examples), frames50), UNLABELLED),
            "mel": torch.zeros(len(examples), frames50, MELS),
            "lengths": torch.zeros(len(examples), dtype=torch.int64),
            "seed": seed,
        }
        for row, example in enumerate(examples):
            mouth = example.picture["mouth"]
            start = int(rng.integers(max(1, len(mouth) - FRAMES + 1)))
            length = min(FRAMES, len(mouth) - start)
            first, length50 = start * TOKENS_PER_VIDEO_FRAME, length * TOKENS_PER_VIDEO_FRAME
            there, here = slice(first, first + length50), slice(0, length50)
            batch["mouth"][row, :length] = torch.from_numpy(mouth[start : start + length])
            batch["ids"][row, here] = torch.from_numpy(self.table[example][there])
            batch["words"][row, here] = self._word_labels(example)[there]
            batch["mel"][row, here] = standard_mel(example)[there]
            batch["lengths"][row] = length
        return batch

    def _word_labels(self, example: Example) -> Tensor:
        """(T50,) the word spoken there, 0 between words, `UNLABELLED` without word times."""
        frames = len(self.table[example])
        labels = torch.full((frames,), 0 if example.words else UNLABELLED)
        for start, end, word in example.words:
            labels[round(start * TOKEN_HZ) : round(end * TOKEN_HZ)] = self.words[word]
        return labels

    def validate(self) -> Metrics:
        rng = np.random.default_rng(0)
        rows: list[Metrics] = []
        for start in range(0, len(self.validation_set), BATCH):
            batch = self._collate(self.validation_set[start : start + BATCH], 0, rng)
            moved = {k: v.to(self.accelerator.device) if torch.is_tensor(v) else v for k, v in batch.items()}
            with self.accelerator.autocast():
                rows.append(self.objective(moved)[1])
        mean = {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}
        # Features are content beside the tokens that are read from them, so what they tell of the sound counts as well.
        return mean | {"score": mean["token"] + mean["word"] + mean["acoustic"]}


@functools.cache
def _mel() -> MelSpectrogram:
    return MelSpectrogram(SAMPLE_RATE, n_fft=1024, hop_length=SAMPLES_PER_TOKEN, n_mels=MELS)


def standard_mel(example: Example) -> Tensor:
    """(T50, MELS) log-mel of an example, each band standardised over the clip."""
    mel = (_mel()(torch.from_numpy(example.samples)) + 1e-5).log().T[: len(example.samples) // SAMPLES_PER_TOKEN]
    return (mel - mel.mean(0)) / mel.std(0).clamp_min(0.1)
