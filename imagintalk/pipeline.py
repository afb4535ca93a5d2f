"""The whole way from a clip to speech: face, lips, style, diffusion, codec (DESIGN section 2)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from imagintalk.adapting.talker import Talker, load_talker
from imagintalk.config import Guidance
from imagintalk.device import find_device
from imagintalk.dubbing.clock import FACE, LIPS, SOUND, SPEECH, VOICE, StageClock
from imagintalk.dubbing.confidence import content_warnings
from imagintalk.dubbing.lips import hidden_of, read_lips
from imagintalk.dubbing.options import DubOptions
from imagintalk.dubbing.parts import Parts
from imagintalk.dubbing.prompt import voice_prompt
from imagintalk.dubbing.speech import all_masked, conditions_of, imagine, sound_of
from imagintalk.errors import ClipError, OptionError
from imagintalk.face.read import face_warnings, read_face
from imagintalk.face.smoothing import emotion_track as track_of_face
from imagintalk.media.probe import probe
from imagintalk.media.times import clip_duration
from imagintalk.models import DEFAULT_MODEL, ModelStore, find_model
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME, VIDEO_FPS
from imagintalk.style.emotion import AUTO, EmotionKey, emotion_track
from imagintalk.style.voices import resolve_voice
from imagintalk.types import Clip, DubResult, FaceCrops, Notify, Style, Take, VoicePrompt

IDENTITY_FACES = 2
"""Face crops that the voice is taken from, as in training; more of a still head change nothing."""


class Pipeline:
    """A model in memory. Not for use from several threads at once."""

    def __init__(self, store: ModelStore, device: torch.device, talker: Talker | None = None) -> None:
        """Raises WeightsError. `load` finds the model and the device by name."""
        self.store = store
        self.parts = Parts(store, device, talker)

    @classmethod
    def load(cls, model: str | Path | None = None, device: str = "auto", adapter: str | Path | None = None) -> Pipeline:
        """Load a model by name or folder, the embedded one by default, onto `auto`, `cpu` or `cuda`.

        adapter: file made by `imagintalk adapt` for this model; its talker's lips are read, and its voice is `auto`.
        Raises WeightsError (missing, corrupt, does not fit) and OptionError (device).
        """
        place = find_device(device)
        if place.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32: far faster, and finer than the stored half precision
        talker = None if adapter is None else load_talker(Path(adapter))
        return cls(ModelStore(find_model(model or DEFAULT_MODEL)), place, talker)

    def dub(
        self,
        clip: Clip | str | Path,
        start: float | None = None,
        end: float | None = None,
        emotion: str = AUTO,
        intensity: float = 1.0,
        voice: str | Path = AUTO,
        face: int | None = None,
        seed: int = 0,
        takes: int = 1,
        steps: int | None = None,
        sampler: str | None = None,
        guidance: Guidance | float | None = None,
        threshold: float | None = None,
        times: tuple[tuple[float, float], ...] = (),
        emotions: tuple[EmotionKey, ...] = (),
        notify: Notify | None = None,
    ) -> DubResult:
        """Make speech for a clip, exactly round(seconds * 24000) samples a take. See `DubOptions` for each option.

        start, end: seconds from the start of the file; times: instead of them, what an editor shows of it, see `Clip`;
        then the speech lasts as long as it is shown. `notify` may raise `Cancelled` to stop within a sampler step.
        Raises ClipError, FaceError, VoiceError, OptionError, WeightsError.
        """
        if not isinstance(clip, Clip):
            clip = Clip(Path(clip))
        start, end = clip.start_s if start is None else start, clip.end_s if end is None else end
        clip = Clip(clip.path, start, end, times or clip.times)
        options = DubOptions(
            emotion, intensity, emotions, str(voice), face, seed, takes, steps, sampler, guidance, threshold
        )
        return self.run(clip, options, notify)

    def run(self, clip: Clip, options: DubOptions, notify: Notify | None = None) -> DubResult:
        """`dub` with its options in one object."""
        parts, config = self.parts, self.parts.config
        sampler, guidance = options.sampler_options(config), self._guidance(options)
        info = probe(clip.path)
        clip_duration(clip, info)
        clock = StageClock(notify, (VOICE, FACE, LIPS, SPEECH, SOUND))
        with clock.stage(FACE) as report:
            asked_voice = None if options.voice == AUTO else self._named_voice(options.voice)  # fails before the work
            expression = parts.expression if options.reads_emotion else None
            crops = read_face(
                clip, info, options.face, IDENTITY_FACES, expression, lambda progress: report(progress.fraction)
            )
        with clock.stage(VOICE):
            style = self._style(crops, options, asked_voice)
        with clock.stage(LIPS) as report:
            content, c_lip = read_lips(crops.mouth, parts, options.detector(config), report)
        with clock.stage(SPEECH) as report:
            start = all_masked(config.codec, len(content.ids))
            codes = imagine(parts, conditions_of(parts, c_lip, style), start, options.seeds, sampler, guidance, report)
        with clock.stage(SOUND) as report:
            takes = self._takes(codes, options.seeds, crops.duration_s, report)
        warnings = face_warnings(crops) + content_warnings(content)
        return DubResult(tuple(takes), crops, content, style, warnings, clock.timings_s)

    def regenerate(
        self,
        result: DubResult,
        take: int,
        start_s: float,
        end_s: float,
        seed: int,
        options: DubOptions | None = None,
        notify: Notify | None = None,
    ) -> Take:
        """Speak a part of a take anew: codes outside of start_s to end_s, seconds of the clip, stay as they are.

        Of `options`, best those of the dub, only what steers the sampler counts; lips, voice and emotion are those of
        `result`.
        Raises OptionError (no such take) and ClipError (range outside of the clip).
        """
        parts, config = self.parts, self.parts.config
        options = options or DubOptions()
        sampler, guidance = options.sampler_options(config), self._guidance(options)
        if not 0 <= take < len(result.takes):
            raise OptionError(f"take {take}: expected 0 to {len(result.takes) - 1}")
        duration = result.crops.duration_s
        if not 0 <= start_s < end_s <= duration + Fraction(1, VIDEO_FPS):
            raise ClipError(
                f"part {start_s:g} to {end_s:g} s: expected a part of the clip, 0 to {float(duration):.3f} s"
            )
        clock = StageClock(notify, (LIPS, SPEECH, SOUND))
        with clock.stage(LIPS):
            c_lip = hidden_of(parts, result.content)
        with clock.stage(SPEECH) as report:
            start = torch.from_numpy(result.takes[take].codes).clone()
            rate = config.codec.frame_rate
            start[:, int(start_s * rate) : -int(-end_s * rate // 1)] = config.codec.codebook_size
            codes = imagine(parts, conditions_of(parts, c_lip, result.style), start, [seed], sampler, guidance, report)
        with clock.stage(SOUND) as report:
            return self._takes(codes, [seed], duration, report)[0]

    def _guidance(self, options: DubOptions) -> Guidance:
        return options.guidance_weights(self.parts.config, known_voice=self.parts.talker is not None)

    def _named_voice(self, wanted: str) -> tuple[NDArray[np.float32], VoicePrompt | None]:
        presets = self.parts.presets
        c_id = resolve_voice(wanted, None, presets, lambda *sound: self.parts.speaker.embed(*sound))
        return c_id, None if wanted in presets else voice_prompt(Path(wanted), self.parts)

    def _style(
        self, crops: FaceCrops, options: DubOptions, asked_voice: tuple[NDArray[np.float32], VoicePrompt | None] | None
    ) -> Style:
        if asked_voice is None and self.parts.talker is not None:
            asked_voice = self.parts.talker.voice, self.parts.talker.prompt
        if asked_voice is None:
            asked_voice = self.parts.adapter.voice_of(self.parts.identity.embed(crops.face)), None
        c_id, prompt = asked_voice
        frames50 = len(crops.mouth) * TOKENS_PER_VIDEO_FRAME
        shown = None
        if options.reads_emotion:
            shown = track_of_face(crops.expression, crops.expression_frames, frames50)
        return Style(c_id, emotion_track(options.emotion_keys, frames50, shown), prompt)

    def _takes(
        self, codes: torch.Tensor, seeds: list[int], duration: Fraction, report: Callable[[float], None]
    ) -> list[Take]:
        takes = []
        for number, (own, seed) in enumerate(zip(codes, seeds, strict=True), 1):
            takes.append(Take(sound_of(self.parts, own, duration), seed, own.numpy()))
            report(number / len(seeds))
        return takes
