"""Which content tokens to train on: python benchmarks/tokens.py CACHE [KIND:SIZE ...]

For each kind and size, on the validation split of the `grid` corpus that `imagintalk prepare grid` made in CACHE:
how many tokens are in use, how long each lasts, what they tell of the words, how well lips predict them, and the word
errors of speech made again from them, from the recording's own and from those that the lips predict.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from imagintalk.config import TokensConfig
from imagintalk.data.cache import Example, of_split, read_cache
from imagintalk.evaluation.recogniser import GrammarRecogniser
from imagintalk.evaluation.words import pooled, word_errors
from imagintalk.rates import EAR_SAMPLE_RATE, TOKEN_HZ, TOKENS_PER_VIDEO_FRAME
from imagintalk.tokens.build import build_tokenizer
from imagintalk.tokens.fit import Utterance, fit_kmeans
from imagintalk.tokens.phoneme import PhonemeTokenizer
from imagintalk.tokens.tokenizer import EAR_SAMPLES_PER_TOKEN
from imagintalk.training.token_table import TokenTable, ear_samples

DEFAULT = ("mfcc:100", "mfcc:200", "mfcc:400", "phoneme:48", "features:200")
WINDOW = 1024
MELS = 80
LIP_SIDE = 32
LIP_COMPONENTS = 48
BATCH = 12


class Sound:
    """Log-mel (T50, 80) of speech at 16 kHz, and back by Griffin and Lim."""

    def __init__(self) -> None:
        self._mel = torchaudio.functional.melscale_fbanks(WINDOW // 2 + 1, 40.0, 8000.0, MELS, EAR_SAMPLE_RATE)
        self._inverse = torch.linalg.pinv(self._mel)
        self._window = torch.hann_window(WINDOW)

    def mel(self, samples: NDArray[np.float32]) -> Tensor:
        left = (WINDOW - EAR_SAMPLES_PER_TOKEN) // 2
        sound = functional.pad(torch.from_numpy(samples), (left, left))
        return (
            torch.fft.rfft(sound.unfold(0, WINDOW, EAR_SAMPLES_PER_TOKEN) * self._window).abs() @ self._mel + 1e-3
        ).log()

    def samples(self, mel: Tensor) -> NDArray[np.float32]:
        spectrum = ((mel.exp() - 1e-3).clamp(min=0) @ self._inverse).clamp(min=0)
        spectrum = torch.cat([spectrum, spectrum[-1:]]).T
        found = torchaudio.functional.griffinlim(
            spectrum, self._window, WINDOW, EAR_SAMPLES_PER_TOKEN, WINDOW, 1.0, 24, 0.99, None, True
        ).numpy()
        return np.asarray(0.7 * found / max(float(np.abs(found).max()), 1e-6), dtype=np.float32)


class Convolutions(nn.Module):
    """Residual convolutions over (batch, width, frames)."""

    def __init__(self, width: int, dilations: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in dilations)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in dilations)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + self.dropout(functional.gelu(norm(layer(x))))
        return x


class Voice(nn.Module):
    """Tokens (batch, T50) to log-mel (batch, T50, 80)."""

    def __init__(self, size: int, width: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, width)
        self.body = Convolutions(width, (1, 1, 1, 1), 0.0)
        self.head = nn.Linear(width, MELS)

    def forward(self, tokens: Tensor) -> Tensor:
        mel: Tensor = self.head(self.body(self.embedding(tokens).transpose(1, 2)).transpose(1, 2))
        return mel


class LipReader(nn.Module):
    """Lip components (batch, 48, T25) to token logits (batch, size, T50)."""

    def __init__(self, size: int, width: int = 160) -> None:
        super().__init__()
        self.stem = nn.Conv1d(LIP_COMPONENTS, width, 3, padding=1)
        self.body = Convolutions(width, (1, 2, 1), 0.3)
        self.finer = nn.ConvTranspose1d(width, width, TOKENS_PER_VIDEO_FRAME, TOKENS_PER_VIDEO_FRAME)
        self.head = nn.Conv1d(width, size, 3, padding=1)

    def forward(self, lips: Tensor) -> Tensor:
        logits: Tensor = self.head(functional.gelu(self.finer(self.body(self.stem(lips)))))
        return logits


def trained(net: nn.Module, steps: int, count: int, loss: Callable[[NDArray[np.int64]], Tensor], name: str) -> None:
    """Train on batches of indices below `count`, and leave the net in evaluation."""
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    rng = np.random.default_rng(0)
    for _ in tqdm(range(steps), desc=name, leave=False):
        value = loss(rng.choice(count, BATCH, replace=False))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
    net.eval()


def word_parts(example: Example, frames: int) -> list[str]:
    """The word and third of it at each token frame, '' between words."""
    parts = [""] * frames
    for start, end, word in example.words:
        for t in range(round(start * TOKEN_HZ), min(frames, round(end * TOKEN_HZ))):
            parts[t] = f"{word} {min(2, max(0, int((t / TOKEN_HZ - start) / (end - start) * 3)))}"
    return parts


def lip_components(train: list[Example], others: list[Example]) -> dict[str, Tensor]:
    """(48, T25) principal components of each clip's mouth less its mean picture, found on the training clips."""
    pictures = {}
    for example in tqdm(train + others, desc="lips", leave=False):
        mouth = torch.from_numpy(example.part("picture")["mouth"])[:, None].float() / 255
        small = functional.adaptive_avg_pool2d(mouth, LIP_SIDE).flatten(1)
        pictures[example.name] = small - small.mean(dim=0)
    seen = torch.cat([pictures[e.name][::3] for e in train])
    values, vectors = torch.linalg.eigh(seen.T @ seen / len(seen))
    basis = (vectors / values.clamp(min=1e-8).sqrt()).flip(1)[:, :LIP_COMPONENTS]
    return {name: (picture @ basis).T for name, picture in pictures.items()}


@dataclass(frozen=True)
class Bench:
    """What every kind of token is measured with."""

    train: list[Example]
    validation: list[Example]
    lips: dict[str, Tensor]
    mels: dict[str, Tensor]
    sound: Sound
    recogniser: GrammarRecogniser
    steps: int

    def errors(self, speech: Callable[[Example], NDArray[np.float32]]) -> float:
        """Word error rate of what is made for each validation clip."""
        return pooled(
            word_errors(e.text, self.recogniser.transcribe(speech(e), EAR_SAMPLE_RATE)) for e in self.validation
        ).rate

    def spoken(self, voice: Voice, tokens: Tensor) -> NDArray[np.float32]:
        with torch.no_grad():
            return self.sound.samples(voice(tokens[None])[0])

    def measure(self, kind: str, size: int) -> dict[str, float]:
        """All figures of one kind and size."""
        tokenizer = build_tokenizer(TokensConfig(kind, size))
        if isinstance(tokenizer, PhonemeTokenizer):
            tokenizer.fit([ear_samples(e) for e in self.train])
        else:
            fit_kmeans(tokenizer, [Utterance(ear_samples(e), e.words) for e in self.train], seed=0)
        table = TokenTable(self.train + self.validation, tokenizer)
        tokens = {e.name: torch.from_numpy(table[e]) for e in self.train + self.validation}
        voice, reader = self._voice(size, tokens), self._reader(size, tokens)
        with torch.no_grad():
            logits = {e.name: reader(self.lips[e.name][None])[0] for e in self.validation}
        return {
            **self._statistics(size, tokens),
            **self._lip_reading(size, tokens, logits),
            "WER own": self.errors(lambda e: self.spoken(voice, tokens[e.name])),
            "WER lips": self.errors(lambda e: self.spoken(voice, logits[e.name].argmax(dim=0))),
        }

    def _voice(self, size: int, tokens: dict[str, Tensor]) -> Voice:
        torch.manual_seed(0)
        voice = Voice(size)

        def loss(batch: NDArray[np.int64]) -> Tensor:
            names = [self.train[i].name for i in batch]
            made = voice(torch.stack([tokens[n] for n in names]))
            return functional.l1_loss(made, torch.stack([self.mels[n] for n in names]))

        trained(voice, self.steps, len(self.train), loss, "voice")
        return voice

    def _reader(self, size: int, tokens: dict[str, Tensor]) -> LipReader:
        torch.manual_seed(0)
        reader = LipReader(size)

        def loss(batch: NDArray[np.int64]) -> Tensor:
            names = [self.train[i].name for i in batch]
            logits = reader(torch.stack([self.lips[n] for n in names]))
            return functional.cross_entropy(logits, torch.stack([tokens[n] for n in names]), label_smoothing=0.05)

        trained(reader, self.steps, len(self.train), loss, "lip reader")
        return reader

    def _statistics(self, size: int, tokens: dict[str, Tensor]) -> dict[str, float]:
        """Use, length, and what one token alone tells of the word part that is spoken."""
        counts: dict[str, NDArray[np.float64]] = {}
        for e in self.train:
            for token, part in zip(tokens[e.name].tolist(), word_parts(e, len(tokens[e.name])), strict=True):
                counts.setdefault(part, np.full(size, 0.05))[token] += 1
        names = list(counts)
        table = np.stack([counts[n] for n in names])
        information, right, spoken = 0.0, 0, 0
        prior, given = table.sum(axis=1) / table.sum(), table / table.sum(axis=0)
        guess = np.where(np.array(names)[:, None] == "", 0, table).argmax(axis=0)
        heard = np.concatenate([tokens[e.name].numpy() for e in self.validation])
        said = [p for e in self.validation for p in word_parts(e, len(tokens[e.name]))]
        for token, part in zip(heard, said, strict=True):
            if part in counts:
                row = names.index(part)
                information += math.log2(given[row, token] / prior[row])
            if part:
                spoken += 1
                right += names[guess[token]].split()[0] == part.split()[0]
        use = np.bincount(heard, minlength=size) / len(heard)
        changes = sum(1 + int((tokens[e.name].diff() != 0).sum()) for e in self.validation)
        return {
            "in use": float(2 ** -(use[use > 0] * np.log2(use[use > 0])).sum()),
            "frames": len(heard) / changes,
            "word bits": information / len(heard),
            "word right": right / max(spoken, 1),
        }

    def _lip_reading(self, size: int, tokens: dict[str, Tensor], logits: dict[str, Tensor]) -> dict[str, float]:
        """Bits that the lips tell of a token, as a share of its own, and how often the first guess is right."""
        seen = np.bincount(torch.cat([tokens[e.name] for e in self.train]).numpy(), minlength=size) + 0.5
        truth = torch.cat([tokens[e.name] for e in self.validation])
        guesses = torch.cat([logits[e.name] for e in self.validation], dim=1).T
        own = -float(np.log2(seen / seen.sum())[truth.numpy()].mean())
        rest = functional.cross_entropy(guesses, truth).item() / math.log(2)
        return {
            "lip bits": own - rest,
            "lip share": (own - rest) / own,
            "lip right": float((guesses.argmax(dim=1) == truth).float().mean()),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("kinds", nargs="*", default=DEFAULT, help="such as mfcc:200")
    parser.add_argument("--talker", default="s1")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--clips", type=int, default=1000, help="at most so many training clips")
    parser.add_argument("--heard", type=int, default=46, help="at most so many validation clips")
    options = parser.parse_args()
    examples = [e for e in read_cache(options.cache, ["grid"]) if e.talker == options.talker]
    train = of_split(examples, "train")[: options.clips]
    validation = of_split(examples, "validation")[: options.heard]
    sound = Sound()
    # A batch needs clips of one length, and GRID has a few of 74 frames.
    mels = {e.name: sound.mel(ear_samples(e)) for e in train}
    longest = max(len(mel) for mel in mels.values())
    train = [e for e in train if len(mels[e.name]) == longest]
    bench = Bench(train, validation, lip_components(train, validation), mels, sound, GrammarRecogniser(), options.steps)
    print(f"{len(train)} training clips, {len(validation)} validation clips, {options.steps} steps")
    print(f"WER of the recordings {bench.errors(ear_samples):.3f},", end=" ")
    print(f"of their mel by Griffin and Lim {bench.errors(lambda e: sound.samples(sound.mel(ear_samples(e)))):.3f}")
    for number, kind in enumerate(options.kinds):
        name, _, size = kind.partition(":")
        figures = bench.measure(name, int(size))
        if not number:
            print(f"| {'tokens':12} | " + " | ".join(f"{key:>10}" for key in figures) + " |")
            print("|" + "---|" * (len(figures) + 1))
        print(f"| {kind:12} | " + " | ".join(f"{value:10.3f}" for value in figures.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
