"""How unlike the voices of two sounds are that are known by their latents only.

Ours; that a speaker encoder judges what a network speaks is an old idea (YourTTS, arXiv 2112.02418, section 2). Here it
compares the same words said by the network and by the talker, so that nothing but the voice can differ for long.
"""

from __future__ import annotations

import librosa
import torch
from resemblyzer import VoiceEncoder
from torch import Tensor, nn

from imagintalk.codec.mel_imposing import spread_of
from imagintalk.codec.spectral_encoder import SpectralEncoder
from imagintalk.rates import SAMPLE_RATE

WINDOW = 160
"""Mel frames at 100 Hz that the encoder hears: 1.6 s, as it was trained."""
BANDS, HIGHEST_HZ = 40, 8000.0
POWER = 0.06
"""Brings the power of our windows (40 ms, 24 kHz) to that of the encoder's (25 ms, 16 kHz); measured on recordings."""


class VoiceLoss(nn.Module):
    """1 - cosine of the embeddings of two sounds; no weights are trained."""

    filters: Tensor
    spread: Tensor

    def __init__(self, encoder: SpectralEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.voice = VoiceEncoder("cpu", verbose=False).requires_grad_(False)
        size = 2 * (encoder.mel.shape[1] - 1)
        filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=size, n_mels=BANDS, fmax=HIGHEST_HZ)
        self.register_buffer("spread", spread_of(encoder.mel), persistent=False)
        self.register_buffer("filters", POWER * torch.from_numpy(filters), persistent=False)

    def forward(self, spoken: Tensor, true: Tensor, lengths: Tensor) -> Tensor:
        """Latents (batch, frames, dimension), lengths (batch,) in frames -> scalar.

        Heard where the true sound is loudest; clips that are shorter than the encoder's window count nothing.
        """
        heard, wanted = self._bands(spoken), self._bands(true)
        per_frame = heard.shape[1] // spoken.shape[1]
        pieces = []
        for row, length in enumerate((per_frame * lengths).tolist()):
            if length >= WINDOW:
                energy = wanted[row, :length].sum(dim=1).unfold(0, WINDOW, 1).sum(dim=1)
                pieces.append((row, int(energy.argmax())))
        if not pieces:
            return spoken.new_zeros(())
        first, second = (
            self.voice(torch.stack([mel[row, start : start + WINDOW] for row, start in pieces]))
            for mel in (heard, wanted)
        )
        return 1 - (first * second).sum(dim=1).mean()

    def _bands(self, latents: Tensor) -> Tensor:
        """(batch, mel frames, BANDS) power of latents (batch, frames, dimension)."""
        magnitude = self.spread @ self.encoder.mel_of(latents.transpose(1, 2))
        return (self.filters @ magnitude.square()).transpose(1, 2)
