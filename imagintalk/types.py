"""What the stages of the pipeline hand to each other: numpy arrays whose docstrings state shape, type, rate, unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagintalk.emotions import Emotion as Emotion


@dataclass(frozen=True)
class Clip:
    """A range of a media file, as the user names it."""

    path: Path
    start_s: float = 0.0
    """Seconds from the start of the file."""
    end_s: float | None = None
    """Seconds from the start of the file; None: its end."""
    times: tuple[tuple[float, float], ...] = ()
    """Instead of a range, what an editor shows of the file (sped up, reversed, held): pairs of seconds from the clip's
    start, which increase from 0, and seconds in the file; linear between. The clip lasts until the last pair."""


@dataclass(frozen=True)
class MediaInfo:
    """What a probe of a video file finds. Raised at probing: ClipError."""

    path: Path
    width: int
    """Pixels, after the rotation flag is applied."""
    height: int
    """Pixels, after the rotation flag is applied."""
    duration_s: Fraction
    """Seconds of picture, from the first frame's time stamp to the end of the last frame."""
    frame_rate: Fraction
    """Average frames per second."""
    rotation: int
    """Degrees clockwise that the player must turn the picture: 0, 90, 180, 270."""
    has_audio: bool


@dataclass(frozen=True)
class FaceTrack:
    """One face over a clip of T frames at 25 fps."""

    index: int
    """0 for the largest face, then in order of size."""
    landmarks: NDArray[np.float32]
    """(T, 478, 2) pixels in the upright picture; frames without a measurement are interpolated or held."""
    seen: NDArray[np.bool_]
    """(T,) True where the face was found within the tracking stride; False where it is bridged."""
    mouth_motion: float
    """Mean absolute change of the mouth opening per second, in units of the face height."""
    yaw: NDArray[np.float32]
    """(T,) degrees, 0 frontal, positive to the picture's right."""

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(T, 4) left, top, right, bottom of the landmarks in pixels."""
        return np.concatenate([self.landmarks.min(axis=1), self.landmarks.max(axis=1)], axis=1)


@dataclass(frozen=True)
class FaceCrops:
    """What the model sees of the chosen face."""

    mouth: NDArray[np.uint8]
    """(T, 96, 96) gray, 25 fps, aligned by landmarks."""
    face: NDArray[np.uint8]
    """(F, 160, 160, 3) RGB, aligned, a few frames spread over the clip at `face_frames`, for identity."""
    face_frames: NDArray[np.int64]
    """(F,) index of each face crop in the 25 fps clip."""
    expression: NDArray[np.float32]
    """(E, 8) probability per `Emotion` at `expression_frames`."""
    expression_frames: NDArray[np.int64]
    """(E,) index of each expression reading in the 25 fps clip."""
    duration_s: Fraction
    """Seconds of the clip in the source's own time."""
    track: FaceTrack
    mouth_width_px: float
    """Median mouth width in the source picture, pixels."""


@dataclass(frozen=True)
class ContentTokens:
    """Discrete speech tokens that the lips spell, and what the error detector thinks of each."""

    ids: NDArray[np.int64]
    """(T50,) token ids, 50 Hz, as the lip aligner read them."""
    similarity: NDArray[np.float32]
    """(T50,) in [-1, 1], the detector's similarity of picture and token."""
    masked: NDArray[np.bool_]
    """(T50,) True where the similarity was below the threshold and RoBERTa refilled the token."""
    refilled: NDArray[np.int64]
    """(T50,) token ids after the refill."""
    probability: NDArray[np.float32]
    """(T50,) in [0, 1], what the lip aligner gave to the token that it chose."""
    weights: NDArray[np.float32]
    """(T50, size) what is spoken: of each frame how likely each token is, rows sum to 1; one token where refilled."""
    features: NDArray[np.float32]
    """(T50, token_width) the lip features that the tokens were read from."""


@dataclass(frozen=True)
class VoicePrompt:
    """A piece of the wanted voice's own speech, which the score network goes on from."""

    codes: NDArray[np.int64]
    """(12, T50) codec codes, 50 Hz."""
    ids: NDArray[np.int64]
    """(T50,) content tokens that it says, 50 Hz."""


@dataclass(frozen=True)
class Style:
    """Who speaks and how."""

    c_id: NDArray[np.float32]
    """(256,) unit-length GE2E speaker embedding, from the face or from a recording."""
    emotion: NDArray[np.float32]
    """(T50, 8) weight per `Emotion`, 50 Hz, rows sum to 1. Intensity mixes the asked emotion with neutral."""
    prompt: VoicePrompt | None = None
    """Of a voice that was taken from a recording."""


@dataclass(frozen=True)
class Speech:
    """Sound."""

    samples: NDArray[np.float32]
    """(N,) in [-1, 1], mono."""
    rate: int
    """Samples per second."""


@dataclass(frozen=True)
class Progress:
    """One report of a long piece of work."""

    stage: str
    """The stage's name in words."""
    fraction: float
    """0..1 of the whole work."""


Notify = Callable[[Progress], None]
"""Called often by long work. Raising `Cancelled` from it stops the work."""


@dataclass(frozen=True)
class Take:
    """One dubbed version of a clip."""

    speech: Speech
    seed: int
    codes: NDArray[np.int64]
    """(12, T50) codec codes, 50 Hz."""


@dataclass(frozen=True)
class DubResult:
    """All that `Pipeline.dub` gives back."""

    takes: tuple[Take, ...]
    crops: FaceCrops
    content: ContentTokens
    style: Style
    warnings: tuple[str, ...] = ()
    timings_s: dict[str, float] = field(default_factory=dict)
    """Seconds spent in each stage, by the stage's name."""
