"""Clips of one talker with their sound, as a model is fitted to them: mouth pictures and the tokens that are heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.grid import read_align
from imagintalk.data.recording import Words
from imagintalk.dubbing.lips import WINDOW
from imagintalk.errors import ClipError, OptionError, VoiceError
from imagintalk.face.read import read_face
from imagintalk.media.audio import read_audio
from imagintalk.media.probe import probe
from imagintalk.media.times import clip_duration
from imagintalk.rates import EAR_SAMPLE_RATE, TOKEN_HZ, TOKENS_PER_VIDEO_FRAME
from imagintalk.style.voices import Embed, speech_seconds
from imagintalk.tokens.tokenizer import Tokenizer
from imagintalk.types import Clip

LEAST_CLIP_S = 1.0
"""Shorter clips tell too little of how words look."""
LEAST_SPEECH_S = 5.0
"""Of all clips together."""


@dataclass(frozen=True)
class HeardClip:
    """One clip, or a piece of a long one."""

    mouth: NDArray[np.uint8]
    """(T, 96, 96) gray, 25 fps."""
    ids: NDArray[np.int64]
    """(2 T,) content tokens of the sound, 50 Hz."""
    words: tuple[str, ...] = ()
    """(2 T,) the word that is spoken, empty between words; none at all where there is no transcript."""


@dataclass(frozen=True)
class HeardTalker:
    """All that is known of a talker."""

    clips: tuple[tuple[HeardClip, ...], ...]
    """The pieces of each clip."""
    voice: NDArray[np.float32]
    """(256,) mean GE2E speaker embedding of the clips, unit length."""
    seconds: float


def read_talker(
    paths: Sequence[Path], tokenizer: Tokenizer, embed: Embed, report: Callable[[float], None]
) -> HeardTalker:
    """Read the talker's clips; sounds first, so that a clip without one costs no waiting.

    report: called with the share that is done; what it raises stops the reading.
    Raises ClipError (no sound, silent, too short), FaceError (no face), VoiceError, OptionError (no clip), DataError (a
    transcript that is none).
    """
    if not paths:
        raise OptionError("adapt: expected at least one clip of the talker with sound, got none")
    sounds = [_sound(path) for path in paths]
    for path in paths:
        words_of(path)
    spoken = sum(map(speech_seconds, sounds))
    if spoken < LEAST_SPEECH_S:
        raise ClipError(
            f"{len(paths)} clips: expected {LEAST_SPEECH_S:g} s of speech or more in all, got {spoken:.1f} s; add clips"
        )
    clips = []
    for number, (path, sound) in enumerate(zip(paths, sounds, strict=True)):
        report(number / len(paths))
        crops = read_face(Clip(path), probe(path), None, 1, None, lambda progress: None)
        clips.append(tuple(_pieces(crops.mouth, tokenizer.encode(sound), words_of(path))))
    voice = np.mean([_voice(path, sound, embed) for path, sound in zip(paths, sounds, strict=True)], axis=0)
    report(1.0)
    seconds = sum(map(len, sounds)) / EAR_SAMPLE_RATE
    return HeardTalker(tuple(clips), (voice / np.linalg.norm(voice)).astype(np.float32), seconds)


def words_of(path: Path) -> Words:
    """Words of a clip and their times, from GRID's `name.align` beside the clip, or where GRID has it, in align/.

    Empty without such a file. Raises DataError when it is none.
    """
    for place in (path.with_suffix(".align"), path.parent.parent / "align" / path.parent.name / f"{path.stem}.align"):
        if place.is_file():
            return read_align(place)
    return ()


def _sound(path: Path) -> NDArray[np.float32]:
    """(N,) at 16 kHz, as long as the picture."""
    duration = float(clip_duration(Clip(path), probe(path)))
    if duration < LEAST_CLIP_S:
        raise ClipError(f"{path}: expected a clip of at least {LEAST_CLIP_S:g} s, got {duration:.2f} s; leave it out")
    sound = read_audio(path, EAR_SAMPLE_RATE, 0.0, duration)
    if speech_seconds(sound) == 0:
        raise ClipError(f"{path}: expected the talker's sound, it is silent; leave it out")
    return sound


def _voice(path: Path, sound: NDArray[np.float32], embed: Embed) -> NDArray[np.float32]:
    try:
        return embed(sound, EAR_SAMPLE_RATE)
    except VoiceError as error:
        raise VoiceError(f"{path}: {error}") from None


def _pieces(mouth: NDArray[np.uint8], ids: NDArray[np.int64], words: Words) -> list[HeardClip]:
    """What the lip aligner sees at once; a last piece of under a second is left out."""
    frames = min(len(mouth), len(ids) // TOKENS_PER_VIDEO_FRAME)
    spoken = [""] * (frames * TOKENS_PER_VIDEO_FRAME if words else 0)
    for start_s, end_s, word in words:
        own = slice(round(start_s * TOKEN_HZ), round(end_s * TOKEN_HZ))
        spoken[own] = [word] * len(spoken[own])
    pieces = []
    for start in range(0, frames, WINDOW):
        stop = min(start + WINDOW, frames)
        if stop - start >= 25 or start == 0:
            own = slice(start * TOKENS_PER_VIDEO_FRAME, stop * TOKENS_PER_VIDEO_FRAME)
            pieces.append(HeardClip(mouth[start:stop], ids[own], tuple(spoken[own])))
    return pieces
