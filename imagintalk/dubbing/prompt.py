"""A piece of the wanted voice's own recording, which the score network goes on from.

Ours: one vector tells a network whose voice it is, but a voice that it has never met it only hears in speech.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
import torch

from imagintalk.dubbing.parts import Parts
from imagintalk.media.audio import read_audio
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE, SAMPLES_PER_TOKEN
from imagintalk.types import VoicePrompt

PROMPT_FRAMES = 100
"""Token frames: two seconds, the longest prompts of the training."""
LONGEST_S = 60
"""Of a longer recording only the beginning is looked at."""
LEVEL_DB = -20.0
"""Of the prompt's speech, below full scale: what all training speech was brought to (`data/levels.py`)."""
_QUIET_DB = 35.0
"""Below the loudest frame: no speech."""


@torch.inference_mode()
def voice_prompt(recording: Path, parts: Parts) -> VoicePrompt:
    """The loudest two seconds of a recording of somebody's voice, at the training's level. Raises ClipError."""
    samples = read_audio(recording, SAMPLE_RATE)[: LONGEST_S * SAMPLE_RATE]
    frames = len(samples) // SAMPLES_PER_TOKEN
    samples = samples[: frames * SAMPLES_PER_TOKEN]
    energy = np.square(samples.astype(np.float64)).reshape(frames, -1).mean(axis=1)
    speech = energy[energy > energy.max() * 10 ** (-_QUIET_DB / 10)].mean()
    samples = (samples * np.sqrt(10 ** (LEVEL_DB / 10) / speech)).astype(np.float32)
    length = min(PROMPT_FRAMES, frames)
    start = int(np.convolve(energy, np.ones(length), "valid").argmax())
    heard = soxr.resample(samples, SAMPLE_RATE, EAR_SAMPLE_RATE)
    ids = parts.tokenizer.encode(heard)[start : start + length]
    cut = samples[start * SAMPLES_PER_TOKEN : (start + length) * SAMPLES_PER_TOKEN]
    codes = parts.codec.encode(torch.from_numpy(cut)[None].to(parts.device))[0].cpu().numpy()
    return VoicePrompt(codes, ids)
