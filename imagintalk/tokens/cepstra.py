"""Cepstra that follow the words rather than the voice: the features of the `mfcc` tokens.

○ Ours: 13 MFCC from 25 ms windows; each less its mean over the speech of the utterance and divided by its deviation
there, which takes out level, microphone and much of the talker; 9 frames side by side, so that a token knows its
phone's motion.
"""

from __future__ import annotations

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch.nn import functional

from imagintalk.rates import EAR_SAMPLE_RATE
from imagintalk.tokens.tokenizer import EAR_SAMPLES_PER_TOKEN, frame_count

_WINDOW = 400
_FFT = 512
_MELS = 40
_CEPSTRA = 13
_CONTEXT = 4
"""Frames to either side."""
_FLOOR = 1e-6
"""-60 dB below the loudest frame: digital silence and a quiet room look alike."""
_SPEECH_DB = -30.0
"""Where a frame is as much speech as silence, below the loudest frame."""
_SPEECH_SLOPE_DB = 3.0


class Cepstra:
    """(T50, 117) normalised MFCC with context. The level of the sound does not matter."""

    width = _CEPSTRA * (2 * _CONTEXT + 1)
    projected = 24

    def __init__(self) -> None:
        side = (_FFT - _WINDOW) // 2
        self._window = functional.pad(torch.hann_window(_WINDOW), (side, side))
        self._mel = torchaudio.functional.melscale_fbanks(_FFT // 2 + 1, 60.0, 7600.0, _MELS, EAR_SAMPLE_RATE)
        self._dct = torchaudio.functional.create_dct(_CEPSTRA, _MELS, "ortho")

    def __call__(self, samples: NDArray[np.float32]) -> torch.Tensor:
        mel = self._mel_power(samples)
        speech = torch.sigmoid((_loudness_db(mel) - _SPEECH_DB) / _SPEECH_SLOPE_DB)
        share = (speech / speech.sum())[:, None]
        cepstra = 10 * torch.log10(mel) @ self._dct
        cepstra = cepstra - (cepstra * share).sum(dim=0)
        # At least 1 dB: silence has no deviation to divide by.
        cepstra = cepstra / (cepstra.square() * share).sum(dim=0).sqrt().clamp(min=1.0)
        padded = functional.pad(cepstra.T[None], (_CONTEXT, _CONTEXT), mode="replicate")[0].T
        return torch.cat([padded[i : i + len(cepstra)] for i in range(2 * _CONTEXT + 1)], dim=1)

    def speech(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """(T50,) bool: louder than 30 dB below the loudest frame."""
        return _loudness_db(self._mel_power(samples)) > _SPEECH_DB

    def _mel_power(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """(T50, mels), 1 for the loudest frame's sum, never below the floor."""
        left = (_FFT - EAR_SAMPLES_PER_TOKEN) // 2
        needed = (frame_count(len(samples)) - 1) * EAR_SAMPLES_PER_TOKEN + _FFT
        sound = functional.pad(torch.from_numpy(samples), (left, max(0, needed - left - len(samples))))[:needed]
        frames = sound.unfold(0, _FFT, EAR_SAMPLES_PER_TOKEN) * self._window
        power: torch.Tensor = torch.fft.rfft(frames).abs().square() @ self._mel
        return power / power.sum(dim=1).max().clamp(min=1e-20) + _FLOOR


def _loudness_db(mel: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(mel.sum(dim=1))
