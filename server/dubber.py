"""The pipeline as a backend: writes takes and report, and finds a way when the GPU's memory does not suffice."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import torch

from imagintalk.config import Guidance
from imagintalk.dubbing.options import DubOptions
from imagintalk.dubbing.outputs import Outputs
from imagintalk.dubbing.report import provenances, report
from imagintalk.dubbing.speech import OVERLAP_S
from imagintalk.errors import OptionError
from imagintalk.pipeline import Pipeline
from imagintalk.rates import TOKEN_HZ
from imagintalk.types import Clip, DubResult, Progress

from .protocol import ClipRequest
from .session import Made, Tell

REPORT = "report.json"
_SPEECH = "speech.wav"
_LEAST_WINDOW = 2 * OVERLAP_S * TOKEN_HZ
"""50 Hz frames: a window must be longer than what it shares with the one before."""


class Dubber:
    """One model, kept in memory."""

    def __init__(self, model: str = "", device: str = "auto") -> None:
        """Raises WeightsError, OptionError."""
        self._model = model
        self._on_cpu: Pipeline | None = None
        self._note = ""
        """Of all that is made."""
        try:
            self._pipeline = Pipeline.load(model or None, device)
        except torch.OutOfMemoryError:
            self._note = "the GPU's memory did not suffice for the model: this was made on the CPU"
        if self._note:  # outside of the handler, whose exception holds on to the tensors
            free_memory()
            self._pipeline = Pipeline.load(model or None, "cpu")
        place = self._pipeline.parts.device
        self.device = torch.cuda.get_device_name(place) if place.type == "cuda" else place.type

    def gpu_memory(self) -> tuple[int, int] | None:
        """Bytes used and there; None on the CPU."""
        place = self._pipeline.parts.device
        if place.type != "cuda":
            return None
        free, total = torch.cuda.mem_get_info(place)
        return total - free, total

    def dub(self, request: ClipRequest, path: Path, folder: Path, tell: Tell) -> Made:
        """Raises ImaginTalkError, MemoryError."""
        clip = Clip(path, request.start_s, request.end_s, request.times)
        options = options_of(request)
        outputs = Outputs(clip, folder / _SPEECH, options.takes, folder / REPORT)
        if self._note:
            tell.note(self._note)
        try:
            result = self._with_memory_at_hand(clip, options, tell)
        except RuntimeError as error:  # which is what torch raises when the machine's own memory does not suffice
            if "DefaultCPUAllocator" not in str(error):
                raise
            raise MemoryError("dub a shorter range") from None
        made = provenances(self._pipeline.store, clip, options, result)
        outputs.write(result, made, report(options, result, made))
        seeds = [take.seed for take in result.takes]
        names = [file.name for file in outputs.takes]
        return Made(tuple(zip(names, seeds, strict=True)), REPORT, result.warnings)

    def _with_memory_at_hand(self, clip: Clip, options: DubOptions, tell: Tell) -> DubResult:
        """Dub; without enough GPU memory in smaller and smaller windows, at last on the CPU."""

        def notify(progress: Progress) -> None:
            tell.progress(progress.stage, progress.fraction)

        config = self._pipeline.parts.config
        window = config.diffusion.window_frames
        try:
            while True:
                try:
                    return self._pipeline.run(clip, options, notify)
                except torch.OutOfMemoryError:
                    pass  # handled outside of it, because the exception holds on to the tensors
                free_memory()
                window //= 2
                if window < _LEAST_WINDOW:
                    break
                tell.note(
                    f"the GPU's memory did not suffice, so the speech was made in windows of {window / TOKEN_HZ:g} s"
                )
                smaller = replace(config.diffusion, window_frames=window)
                self._pipeline.parts.config = replace(config, diffusion=smaller)
        finally:
            self._pipeline.parts.config = config
        tell.note("the GPU's memory did not suffice even so: this was made on the CPU")
        if self._on_cpu is None:
            self._on_cpu = Pipeline.load(self._model or None, "cpu")
        return self._on_cpu.run(clip, options, notify)


def free_memory() -> None:
    """Give back GPU memory that nothing uses."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def options_of(request: ClipRequest) -> DubOptions:
    """Raises OptionError for a value that the pipeline does not know."""
    guidance: Guidance | float | None = None
    if isinstance(request.guidance, tuple):
        try:
            guidance = Guidance(**dict(request.guidance))
        except TypeError:
            raise OptionError(
                f"guidance {request.guidance}: expected weights of joint, lip, identity, emotion"
            ) from None
    else:
        guidance = request.guidance
    return DubOptions(
        emotion=request.emotion,
        intensity=request.intensity,
        emotions=request.emotions,
        voice=request.voice,
        face=request.face,
        seed=request.seed,
        takes=request.takes,
        steps=request.steps,
        sampler=request.sampler,
        guidance=guidance,
        threshold=request.threshold,
    )
