"""A piece of the wanted voice's own recording, which the score network goes on from.

Ours: one vector tells a network whose voice it is, but a voice that it has never met it only hears in speech.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from imagintalk.dubbing.parts import Parts
from imagintalk.media.audio import read_audio
from imagintalk.rates import SAMPLE_RATE, SAMPLES_PER_TOKEN
from imagintalk.style.voices import frame_power, is_speech
from imagintalk.tokens.tokenizer import tokens_of
from imagintalk.types import VoicePrompt

PROMPT_FRAMES = 100
"""Token frames: two seconds, the longest prompts of the training."""
LONGEST_S = 60
"""Of a longer recording only the beginning is looked at."""
LEVEL_DB = -20.0
"""Of the prompt's speech, below full scale: what all training speech was brought to (`data/levels.py`)."""


@torch.inference_mode()
def voice_prompt(recording: Path, parts: Parts) -> VoicePrompt:
    """The loudest two seconds of a recording of somebody's voice, at the training's level.

    The recording is one that `voice_of_recording` took: with speech in it. Raises ClipError, WeightsError.
    """
    samples = read_audio(recording, SAMPLE_RATE)[: LONGEST_S * SAMPLE_RATE]
    frames = len(samples) // SAMPLES_PER_TOKEN
    power = frame_power(samples, SAMPLES_PER_TOKEN)
    level = power[is_speech(power)].mean()
    samples = (samples * np.sqrt(10 ** (LEVEL_DB / 10) / level)).astype(np.float32)
    length = min(PROMPT_FRAMES, frames)
    start = int(np.convolve(power, np.ones(length), "valid").argmax())
    ids = tokens_of(parts.tokenizer, samples, frames)[start : start + length]
    cut = samples[start * SAMPLES_PER_TOKEN : (start + length) * SAMPLES_PER_TOKEN]
    codes = parts.codec.encode(torch.from_numpy(cut)[None].to(parts.device))[0].cpu().numpy()
    return VoicePrompt(codes, ids)
