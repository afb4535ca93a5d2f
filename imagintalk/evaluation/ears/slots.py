"""Hears the six words of a GRID sentence: one guess for each place, each with its own attention over time. Ours.

It knows no other words and always gives six, so of noise it still hears a fifth right by chance (a quarter of four
places, a tenth of the digits, a 25th of the letters: WER 81 %). It was trained on GRID's talkers; other voices it knows
from the same recordings said again with other vocal tracts, and from one synthetic voice.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor, nn

from imagintalk.data.grid_grammar import PLACES
from imagintalk.evaluation.ear import for_ears
from imagintalk.evaluation.ears.store import EMBEDDED, load_ear
from imagintalk.rates import EAR_SAMPLE_RATE, exact_ratio

NAME = "slots"
WORDS = tuple(tuple(words.values()) for _, words in PLACES)
"""Of each place, in the order of the network's outputs."""
FRAME_HZ = 100
MELS = 64
RANGE_DB = 60.0
"""What is quieter than the loudest point by more counts as silence."""
SHORTEST_FRAMES = 30
QUIETEST = 1e-4
"""Largest sample below which there is only silence."""

_HOP = exact_ratio(EAR_SAMPLE_RATE, FRAME_HZ)


@functools.cache
def _mel() -> Any:
    return torchaudio.transforms.MelSpectrogram(
        EAR_SAMPLE_RATE, n_fft=512, win_length=400, hop_length=_HOP, f_min=50.0, f_max=7600.0, n_mels=MELS
    )


def mel_decibels(samples: NDArray[np.float32]) -> Tensor:
    """(frames, 64) mel power in dB at 100 Hz of samples (N,) at 16 kHz, N at least 257."""
    power: Tensor = _mel()(torch.from_numpy(np.ascontiguousarray(samples)))
    return 10 * torch.log10(power.T + 1e-10)


def normalised(decibels: Tensor) -> Tensor:
    """(frames, 64): no silence below `RANGE_DB`, no level, no filter; each band has mean 0, all have spread 1."""
    floored = torch.maximum(decibels, decibels.max() - RANGE_DB)
    centred = floored - floored.mean(dim=0)
    return centred / centred.std().clamp_min(1e-3)


class Heard(NamedTuple):
    """What the network hears of a batch."""

    logits: tuple[Tensor, ...]
    """Of each place (batch, words)."""
    attention: Tensor
    """(batch, places, frames) at 50 Hz, rows sum to 1: where it listened, mean over the heads."""


class SlotNetwork(nn.Module):
    """One convolution over time and frequency, then over time ever wider, and per place three heads of attention."""

    CHANNELS, HEADS = 128, 3
    SPREADS = (1, 1, 2, 4, 8)
    """Dilation of each layer: together they see 2 s, so that a head can tell where in the sentence it is."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 24, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(24), nn.ReLU())
        self.join = nn.Linear(24 * MELS // 2, self.CHANNELS)
        self.layers = nn.ModuleList(_Layer(self.CHANNELS, spread) for spread in self.SPREADS)
        self.norm = nn.LayerNorm(self.CHANNELS)
        self.listen = nn.Linear(self.CHANNELS, self.HEADS * len(WORDS))
        self.drop = nn.Dropout(0.3)
        self.names = nn.ModuleList(nn.Linear(self.HEADS * self.CHANNELS, len(words)) for words in WORDS)

    def forward(self, mel: Tensor, lengths: Tensor) -> Heard:
        """mel: normalised (batch, frames, 64) at 100 Hz; lengths: (batch,) frames that count."""
        found = self.stem(mel[:, None])
        found = self.join(found.permute(0, 2, 1, 3).flatten(2))
        for layer in self.layers:
            found = layer(found)
        found = self.norm(found)
        beyond = torch.arange(found.shape[1], device=mel.device) >= (lengths[:, None] + 1) // 2
        scores = self.listen(found).float().masked_fill(beyond[..., None], -torch.inf)
        attention = scores.softmax(dim=1).unflatten(2, (len(WORDS), self.HEADS))
        pooled = torch.einsum("btsh,btw->bshw", attention, found.float()).flatten(2)
        logits = tuple(name(self.drop(pooled[:, place])) for place, name in enumerate(self.names))
        return Heard(logits, attention.mean(dim=3).transpose(1, 2))


class _Layer(nn.Module):
    """Depthwise convolution over seven frames, then a mix of the channels, beside the way past them."""

    def __init__(self, channels: int, spread: int) -> None:
        super().__init__()
        self.along = nn.Conv1d(channels, channels, 7, padding=3 * spread, dilation=spread, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.mix = nn.Sequential(
            nn.Linear(channels, 3 * channels // 2), nn.ReLU(), nn.Dropout(0.1), nn.Linear(3 * channels // 2, channels)
        )

    def forward(self, sound: Tensor) -> Tensor:
        """(batch, frames, channels) to the same."""
        mixed: Tensor = sound + self.mix(self.norm(self.along(sound.transpose(1, 2)).transpose(1, 2)))
        return mixed


class SlotRecogniser:
    """The network with its weights, as a `Recogniser` of GRID's sentences."""

    def __init__(self, folder: Path = EMBEDDED) -> None:
        """Raises WeightsError when the folder does not hold its weights whole."""
        self._network = SlotNetwork()
        self.facts = load_ear(NAME, self._network, folder)

    def transcribe(self, samples: NDArray[np.float32], rate: int) -> str:
        """Six words of GRID's grammar; none in silence or in less than 0.3 s. See `Recogniser`."""
        sound = for_ears(samples, rate)
        if np.abs(sound).max() < QUIETEST or len(sound) < SHORTEST_FRAMES * _HOP:
            return ""
        mel = normalised(mel_decibels(sound))
        with torch.inference_mode():
            heard = self._network(mel[None], torch.tensor([len(mel)]))
        return sentences(heard.logits)[0]


def sentences(logits: tuple[Tensor, ...]) -> list[str]:
    """The likeliest sentence of each row."""
    chosen = torch.stack([place.argmax(dim=1) for place in logits], dim=1)
    return [" ".join(words[i] for words, i in zip(WORDS, row, strict=True)) for row in chosen.tolist()]


def speaks_grid(text: str) -> bool:
    """True when a text is one of GRID's sentences."""
    words = text.split()
    return len(words) == len(WORDS) and all(word in known for word, known in zip(words, WORDS, strict=True))
