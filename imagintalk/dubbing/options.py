"""What a caller may ask of a dub, checked before any work starts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from imagintalk.config import Config, DetectorConfig, Guidance
from imagintalk.diffusion.sampler import SamplerOptions
from imagintalk.errors import OptionError
from imagintalk.style.emotion import AUTO, EmotionKey, check_emotion, check_keys

_SEEDS = 2**63


@dataclass(frozen=True)
class DubOptions:
    """How to dub a clip. Raises OptionError for a value out of range. None: as the model's config says."""

    emotion: str = AUTO
    """`auto` (as the face shows) or the word of an `Emotion`."""
    intensity: float = 1.0
    """0 neutral to 1 all of the emotion."""
    emotions: tuple[EmotionKey, ...] = ()
    """In place of one emotion and intensity, keys of a track that changes over the clip."""
    voice: str = AUTO
    """`auto` (as the face suggests), a preset's name, or the path of a recording of the wanted voice."""
    face: int | None = None
    """Which face, 0 the largest; None: the speaking one."""
    seed: int = 0
    """Of the first take; each further take has the next one."""
    takes: int = 1
    steps: int | None = None
    sampler: str | None = None
    guidance: Guidance | float | None = None
    """Weights per condition, or that of all conditions together."""
    threshold: float | None = None
    """Similarity, -1 to 1, below which the error detector counts a token as misaligned."""

    def __post_init__(self) -> None:
        check_emotion(self.emotion, self.intensity)
        check_keys(self.emotions)
        if self.face is not None and self.face < 0:
            raise OptionError(f"face {self.face}: expected 0 (the largest face) or more")
        if self.takes < 1:
            raise OptionError(f"takes {self.takes}: expected 1 or more")
        if not 0 <= self.seed <= _SEEDS - self.takes:
            raise OptionError(f"seed {self.seed}: expected a whole number from 0 to 2^63 less the takes")
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise OptionError(f"threshold {self.threshold:g}: expected a similarity from -1 to 1")
        weights = vars(self.guidance).values() if isinstance(self.guidance, Guidance) else (self.guidance or 0.0,)
        if not all(math.isfinite(weight) for weight in weights):
            raise OptionError(f"guidance {self.guidance}: expected a finite number, 1 for none")

    @property
    def emotion_keys(self) -> tuple[EmotionKey, ...]:
        """The emotion track; one emotion is a track of one key."""
        return self.emotions or ((0.0, self.emotion, self.intensity),)

    @property
    def reads_emotion(self) -> bool:
        """Whether the face's expression is needed."""
        return any(emotion == AUTO for _, emotion, _ in self.emotion_keys)

    @property
    def seeds(self) -> list[int]:
        """One for each take."""
        return list(range(self.seed, self.seed + self.takes))

    def sampler_options(self, config: Config) -> SamplerOptions:
        """Sampler, with what is not asked for from the config. Raises OptionError: unknown sampler, too few steps."""
        diffusion = config.diffusion
        return SamplerOptions(
            steps=diffusion.steps if self.steps is None else self.steps,
            sampler=self.sampler or diffusion.sampler,
            temperature=diffusion.temperature,
            normalised=diffusion.normalised,
            level_groups=diffusion.level_groups,
        )

    def guidance_weights(self, config: Config, known_voice: bool = False) -> Guidance:
        """Guidance as asked for, or as the config has it: there, voice and emotion have a weight of their own where one
        was asked for. Those that the face shows are a guess, and to follow it harder costs intelligibility (ours).
        known_voice: `auto` is no guess, an adapter tells it.
        """
        if isinstance(self.guidance, Guidance):
            return self.guidance
        if self.guidance is not None:
            return Guidance(joint=self.guidance)
        usual = config.diffusion.guidance
        wants_emotion = any(emotion != AUTO for _, emotion, _ in self.emotion_keys)
        return replace(
            usual,
            identity=0.0 if self.voice == AUTO and not known_voice else usual.identity,
            emotion=usual.emotion if wants_emotion else 0.0,
        )

    def detector(self, config: Config) -> DetectorConfig:
        """The detector's rule; a threshold asked for is a fixed one."""
        if self.threshold is None:
            return config.detector
        return DetectorConfig("fixed", self.threshold, config.detector.fraction)
