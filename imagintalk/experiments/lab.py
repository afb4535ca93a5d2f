"""A model and recordings, and the ways through the model that experiments take."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from imagintalk.config import DetectorConfig, Guidance
from imagintalk.data.grid import read_grid
from imagintalk.data.recording import Recording
from imagintalk.data.splits import Split
from imagintalk.dubbing.lips import align_lips, content_of, hidden_of
from imagintalk.dubbing.options import DubOptions
from imagintalk.dubbing.parts import Parts
from imagintalk.dubbing.speech import all_masked, conditions_of, imagine, sound_of
from imagintalk.errors import DataError
from imagintalk.evaluation.comparison import true_sound
from imagintalk.evaluation.subset import evenly
from imagintalk.experiments.ears import Ears, Sound
from imagintalk.face.read import read_face
from imagintalk.face.smoothing import emotion_track as track_of_face
from imagintalk.lip.aligner import Alignment
from imagintalk.media.probe import probe
from imagintalk.pipeline import IDENTITY_FACES, Pipeline
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME
from imagintalk.refine.language import ROUNDS
from imagintalk.style.emotion import AUTO, EmotionKey, emotion_track
from imagintalk.tokens.tokenizer import tokens_of
from imagintalk.types import Clip, ContentTokens, FaceCrops, Style

TALKER = "s1"
"""The GRID talker that the default model knows."""
AS_SHOWN: tuple[EmotionKey, ...] = ((0.0, AUTO, 1.0),)

T = TypeVar("T")


@dataclass(frozen=True)
class Places:
    """Where things lie."""

    data: Path
    """Folder with grid/."""
    cache: Path
    """Of `imagintalk prepare`, and for what experiments keep."""


class Lab:
    """Everything is of one seed. What the last clip needed is kept: units come clip after clip."""

    def __init__(self, pipeline: Pipeline, places: Places, seed: int, steps: int | None = None) -> None:
        """steps: of training, for the experiments that train; None: as each has it."""
        self.pipeline, self.places, self.seed, self.steps = pipeline, places, seed, steps
        self.ears = Ears()
        self.beat: Callable[[float], None] = lambda share: None
        """Told the share of the unit that is done; may raise Cancelled."""
        self._kept: dict[str, tuple[Any, Any]] = {}

    @property
    def parts(self) -> Parts:
        return self.pipeline.parts

    def clips(self, count: int, split: Split = "validation", talker: str = TALKER) -> list[Recording]:
        """So many of a talker's clips of a split, evenly spread. Raises DataError when there is none."""
        grid = self.places.data / "grid"
        found = [r for r in read_grid(grid) if r.talker == talker and r.split == split]
        if not found:
            raise DataError(f"{grid}: expected clips of the talker {talker} in the {split} split, found none")
        return evenly(found, count)

    def sound(self, recording: Recording) -> Sound:
        """The recording's own."""
        return self.keep("sound", recording.path, lambda: true_sound(recording))

    def true_tokens(self, recording: Recording, frames: int) -> NDArray[np.int64]:
        """(frames,) ids at 50 Hz that the recording's sound has; the last one is held where it ends early."""
        return tokens_of(self.parts.tokenizer, self.sound(recording), frames)

    def face(self, clip: Path) -> FaceCrops:
        """What the model sees. Raises ClipError, FaceError."""
        expression = self.parts.expression
        return self.keep(
            "face", clip, lambda: read_face(Clip(clip), probe(clip), None, IDENTITY_FACES, expression, None)
        )

    def alignment(self, clip: Path) -> Alignment:
        """What the lip aligner says, a batch of one."""
        return self.keep("alignment", clip, lambda: align_lips(self.face(clip).mouth, self.parts, lambda share: None))

    def content(self, clip: Path, detector: DetectorConfig | None = None, rounds: int = ROUNDS) -> ContentTokens:
        """What the lips spell, with the config's detector or another."""
        rule = self.parts.config.detector if detector is None else detector
        return content_of(self.alignment(clip), self.parts, rule, rounds)

    def style(
        self, clip: Path, voice: NDArray[np.float32] | None = None, emotions: tuple[EmotionKey, ...] = AS_SHOWN
    ) -> Style:
        """Voice (256,) and emotions asked for; without a voice the adapter's, or as the face suggests."""
        crops = self.face(clip)
        prompt = None
        if voice is None and self.parts.talker is not None:
            voice, prompt = self.parts.talker.voice, self.parts.talker.prompt
        if voice is None:
            voice = self.keep("voice", clip, lambda: self.parts.adapter.voice_of(self.parts.identity.embed(crops.face)))
        frames50 = len(crops.mouth) * TOKENS_PER_VIDEO_FRAME
        shown = track_of_face(crops.expression, crops.expression_frames, frames50)
        return Style(voice, emotion_track(emotions, frames50, shown), prompt)

    def speak(self, content: ContentTokens, style: Style, guidance: Guidance | None = None) -> Sound:
        """A dub, as long as the content; where nothing is said, as the config has it for a plain dub."""
        return self.sound_of_codes(self.codes(content, style, guidance))

    def codes(
        self,
        content: ContentTokens,
        style: Style,
        guidance: Guidance | None = None,
        sampler: str | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """(levels, frames) int64 of `speak`."""
        config, options = self.parts.config, DubOptions(sampler=sampler, steps=steps)
        start = all_masked(config.codec, len(content.ids))
        conditions = conditions_of(self.parts, hidden_of(self.parts, content), style)
        weights = guidance or options.guidance_weights(config, known_voice=self.parts.talker is not None)
        sampling = options.sampler_options(config)
        return imagine(self.parts, conditions, start, [self.seed], sampling, weights, self.beat)[0]

    def sound_of_codes(self, codes: Tensor) -> Sound:
        """Of codes (levels, frames); fewer levels than the codec has are allowed."""
        return sound_of(self.parts, codes, Fraction(codes.shape[1], self.parts.config.codec.frame_rate)).samples

    def keep(self, what: str, of: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made once as long as nobody asks for another `of`."""
        if what not in self._kept or self._kept[what][0] != of:
            self._kept[what] = of, make()
        value: T = self._kept[what][1]
        return value

    @cached_property
    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory()

    @property
    def scratch(self) -> Path:
        """A folder that goes with the lab."""
        return Path(self._scratch.name)
