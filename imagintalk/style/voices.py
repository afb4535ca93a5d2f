"""Whose voice: the face's own, a recording's, or a stored preset. Ours; the paper has the face's voice only.

Presets lie in the model folder as `voices.json`: a list of name, description, licence and 256-d GE2E vector.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import ClipError, VoiceError, WeightsError
from imagintalk.media.audio import read_audio
from imagintalk.media.files import whole_file
from imagintalk.rates import EAR_SAMPLE_RATE, exact_ratio
from imagintalk.style.identity import SPEAKER_WIDTH

AUTO = "auto"
PRESETS_FILE = "voices.json"
LEAST_SPEECH_S = 1.0
"""A GE2E embedding of less is mostly chance."""

_FRAME = exact_ratio(EAR_SAMPLE_RATE, 50)
_SILENCE_DB, _BELOW_PEAK_DB = -60.0, -35.0

Vector = NDArray[np.float32]
Embed = Callable[[Vector, int], Vector]
"""(N,) samples and their rate → (256,) GE2E speaker embedding, unit length."""


@dataclass(frozen=True)
class Preset:
    """A stored voice."""

    name: str
    description: str
    licence: str
    vector: tuple[float, ...]
    """256 numbers, a GE2E speaker embedding of unit length."""

    @property
    def c_id(self) -> Vector:
        """(256,) unit length."""
        vector = np.array(self.vector, dtype=np.float32)
        return vector / np.linalg.norm(vector)


def save_presets(folder: Path, presets: Iterable[Preset]) -> None:
    """Write the presets of a model, all at once, in order of name. Raises OutputError."""
    rows = [
        {**asdict(p), "vector": [round(float(v), 6) for v in p.vector]} for p in sorted(presets, key=lambda p: p.name)
    ]
    with whole_file(folder / PRESETS_FILE) as partial:
        partial.write_text(json.dumps(rows), encoding="utf-8")


def load_presets(folder: Path) -> dict[str, Preset]:
    """Presets of a model by name; empty where it has none. Raises WeightsError when the file is corrupt."""
    path = folder / PRESETS_FILE
    if not path.exists():
        return {}
    try:
        presets = [
            Preset(**{**row, "vector": tuple(map(float, row["vector"]))}) for row in json.loads(path.read_text())
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{path}: expected a list of voices, it is damaged ({error}); install the model again"
        ) from None
    wrong = [p.name for p in presets if len(p.vector) != SPEAKER_WIDTH or not np.any(p.vector)]
    if wrong:
        raise WeightsError(
            f"{path}: expected {SPEAKER_WIDTH} numbers for the voice {wrong[0]!r}; install the model again"
        )
    return {p.name: p for p in presets}


def speech_seconds(samples: Vector) -> float:
    """Seconds of (N,) 16 kHz samples in 20 ms frames above −60 dB and within 35 dB of the loudest frame."""
    power = frame_power(samples, _FRAME)
    return float(is_speech(power).sum()) * _FRAME / EAR_SAMPLE_RATE


def frame_power(samples: Vector, frame: int) -> NDArray[np.float64]:
    """(N // frame,) mean square of each frame of (N,) samples."""
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.square(frames.astype(np.float64)).mean(axis=1)


def is_speech(power: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames, by their power, are above −60 dB and within 35 dB of the loudest."""
    level = 10 * np.log10(power + 1e-12)
    return (level > _SILENCE_DB) & (level > level.max(initial=-np.inf) + _BELOW_PEAK_DB)


def voice_of_recording(path: Path, embed: Embed) -> Vector:
    """(256,) speaker embedding of a recording. Raises VoiceError: unreadable, silent, or under 1 s of speech."""
    try:
        samples = read_audio(path, EAR_SAMPLE_RATE)
    except ClipError as error:
        raise VoiceError(f"voice: {error}") from None
    seconds = speech_seconds(samples)
    if seconds == 0:
        raise VoiceError(f"{path}: expected a recording of the wanted voice, it is silent; choose another")
    if seconds < LEAST_SPEECH_S:
        raise VoiceError(
            f"{path}: expected at least {LEAST_SPEECH_S:g} s of speech, got {seconds:.1f} s; choose a longer recording"
        )
    try:
        return embed(samples, EAR_SAMPLE_RATE)
    except VoiceError as error:
        raise VoiceError(f"{path}: {error}") from None


def resolve_voice(wanted: str, from_face: Vector | None, presets: Mapping[str, Preset], embed: Embed) -> Vector:
    """(256,) c_id of the voice a user asks for.

    wanted: `auto` (`from_face`, the identity adapter's c_id), a preset's name, or the path of a recording; a file
    called like a preset is reached as ./name. Raises VoiceError.
    """
    if wanted == AUTO:
        if from_face is None:
            raise VoiceError("voice auto: expected a face to take the voice from, there is none; name a voice")
        return from_face
    if wanted in presets:
        return presets[wanted].c_id
    if not Path(wanted).is_file():
        known = f"a preset ({', '.join(sorted(presets))})" if presets else "a preset (this model has none)"
        raise VoiceError(f"{wanted}: no such voice; expected {AUTO}, {known} or a recording's path")
    return voice_of_recording(Path(wanted), embed)
