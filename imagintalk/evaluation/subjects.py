"""What is measured: a pipeline's parts as plain functions from recordings to speech."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from imagintalk.data.recording import Recording
from imagintalk.dubbing.options import DubOptions
from imagintalk.dubbing.speech import all_masked, conditions_of, fit_length, imagine, sound_of
from imagintalk.evaluation.comparison import true_sound
from imagintalk.media.probe import probe
from imagintalk.pipeline import Pipeline
from imagintalk.rates import SAMPLE_RATE, SAMPLES_PER_TOKEN
from imagintalk.refine.content import content_states
from imagintalk.style.emotion import emotion_track
from imagintalk.tokens.tokenizer import tokens_of
from imagintalk.types import Clip, Emotion, Speech, Style


@dataclass(frozen=True)
class Subjects:
    """Each method is one way through the pipeline that a row of the table measures."""

    pipeline: Pipeline
    _made: dict[tuple[str, Path], Speech] = field(default_factory=dict)
    """What several rows measure is made once."""

    def resynthesise(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples (N,) at 24 kHz through the codec alone, (N,)."""
        codec, device = self.pipeline.parts.codec, self.pipeline.parts.device
        made = codec.decode(codec.encode(torch.from_numpy(samples)[None].to(device)))[0]
        return fit_length(made.float().cpu().numpy(), len(samples))

    def speak_tokens(self, recording: Recording) -> Speech:
        """Speech from the recording's own tokens, in its own voice, neutral."""
        return self._once("tokens", recording.path, lambda: self._speak_tokens(recording))

    def _once(self, way: str, clip: Path, make: Callable[[], Speech]) -> Speech:
        if (way, clip) not in self._made:
            self._made[way, clip] = make()
        return self._made[way, clip]

    def _speak_tokens(self, recording: Recording) -> Speech:
        parts, options = self.pipeline.parts, DubOptions()
        samples = true_sound(recording)
        frames = -(-len(samples) // SAMPLES_PER_TOKEN)
        ids = torch.from_numpy(tokens_of(parts.tokenizer, samples, frames))[None].to(parts.device)
        with torch.inference_mode():
            lengths = torch.tensor([frames], device=parts.device)
            c_lip = content_states(parts.language, ids, lengths, parts.config.lips.token_width)
        voice = parts.speaker.embed(samples, SAMPLE_RATE)
        style = Style(voice, emotion_track([(0.0, "neutral", 1.0)], frames, None))
        start = all_masked(parts.config.codec, frames)
        sampler, guidance = options.sampler_options(parts.config), options.guidance_weights(parts.config)
        codes = imagine(parts, conditions_of(parts, c_lip, style), start, [0], sampler, guidance, lambda share: None)
        return sound_of(parts, codes[0], probe(recording.path).duration_s)

    def speak_lips(self, recording: Recording) -> Speech:
        """The dub of a clip, all options left alone."""
        return self._once("lips", recording.path, lambda: self.speak(recording.path))

    def speak(self, clip: Path) -> Speech:
        """The dub of a clip, all options left alone."""
        return self.pipeline.run(Clip(clip), DubOptions()).takes[0].speech

    def speak_with(self, clip: Path, emotion: Emotion, seed: int) -> Speech:
        """The dub of a clip with an emotion."""
        return self.pipeline.run(Clip(clip), DubOptions(emotion=emotion.word, seed=seed)).takes[0].speech

    def speak_as(self, clip: Path, reference: Path) -> Speech:
        """The dub of a clip in the voice of a recording."""
        return self.pipeline.run(Clip(clip), DubOptions(voice=str(reference))).takes[0].speech

    def speak_at(self, recording: Recording, threshold: float) -> tuple[Speech, float]:
        """The dub of a clip at a threshold of the error detector, and the share of its tokens that were refilled."""
        result = self.pipeline.run(Clip(recording.path), DubOptions(threshold=threshold))
        return result.takes[0].speech, float(result.content.masked.mean())
