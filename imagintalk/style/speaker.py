"""Speaker embedding: GE2E (Wan et al. 2018) as resemblyzer's package carries it."""

from __future__ import annotations

import warnings

import librosa
import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import VoiceError
from imagintalk.rates import EAR_SAMPLE_RATE

with warnings.catch_warnings():
    # webrtcvad imports pkg_resources and resemblyzer an old scipy name: warnings that no user can act upon.
    warnings.simplefilter("ignore")
    import resemblyzer

SHORTEST_VOICE_S = 0.3
"""Less voiced sound than this says nothing about who speaks (our choice)."""
QUIETEST = 1e-5
"""Root mean square below which a recording is silence (our choice)."""


class SpeakerEncoder:
    """Turns a recording into a point that lies close to those of the same voice."""

    def __init__(self, device: str = "cpu") -> None:
        self._encoder = resemblyzer.VoiceEncoder(device=device, verbose=False)

    def embed(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        """(256,) float32, unit length, never negative, of samples (N,) in [-1, 1] at `rate` Hz, mono.

        Long silences are cut out first (webrtcvad). Raises VoiceError when too little voice is left.
        """
        voiced = self._voiced(np.asarray(samples, dtype=np.float32), rate)
        found = len(voiced) / EAR_SAMPLE_RATE
        if found < SHORTEST_VOICE_S:
            raise VoiceError(
                f"expected at least {SHORTEST_VOICE_S} s of audible voice, found {found:.2f} s; "
                "give a longer or louder recording"
            )
        return np.asarray(self._encoder.embed_utterance(voiced), dtype=np.float32)

    @staticmethod
    def _voiced(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        # Checked here because resemblyzer divides by the loudness and fails on recordings shorter than its VAD window.
        if len(samples) < SHORTEST_VOICE_S * rate or np.sqrt(np.mean(np.square(samples))) < QUIETEST:
            return np.zeros(0, dtype=np.float32)
        if rate != EAR_SAMPLE_RATE:
            samples = librosa.resample(samples, orig_sr=rate, target_sr=EAR_SAMPLE_RATE)
        # The peak may pass 1 after resampling or amplification, and the VAD's 16-bit samples would wrap around.
        loudest = float(np.abs(samples).max())
        if loudest > 1.0:
            samples = samples / loudest
        return resemblyzer.preprocess_wav(samples)
