"""Decodes recordings once into the cache: sound and pitch, the speaker embedding, mouth crops and face."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagintalk.config import StyleConfig
from imagintalk.data.cache import name_of, write_index, write_part
from imagintalk.data.recording import Recording
from imagintalk.errors import DataError, ImaginTalkError
from imagintalk.media.audio import read_audio
from imagintalk.rates import EAR_SAMPLE_RATE, SAMPLE_RATE, SAMPLES_PER_TOKEN, SAMPLES_PER_VIDEO_FRAME
from imagintalk.types import Clip, Notify, Progress

if TYPE_CHECKING:
    from imagintalk.face.expression import ExpressionBackend
    from imagintalk.face.identity import IdentityBackend
    from imagintalk.style.speaker import SpeakerEncoder


def prepare(
    corpus: str,
    recordings: list[Recording],
    cache: Path,
    notify: Notify,
    style: StyleConfig,
    parts: tuple[str, ...] = ("sound", "voice", "picture"),
    workers: int | None = None,
) -> list[str]:
    """Prepare a corpus into cache/<corpus>; parts that are there already are kept.

    style: names the backends that read identity and expression of a face.
    Returns one line per recording that could not be used (it is left out of the index).
    Raises DataError when none could be.
    """
    folder = cache / corpus
    folder.mkdir(parents=True, exist_ok=True)
    failures: dict[str, str] = {}
    workers = workers or os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=one_thread) as pool:
        waiting = {pool.submit(prepare_one, r, folder, parts, style): r for r in recordings}
        for count, done in enumerate(as_completed(waiting), 1):
            recording = waiting[done]
            try:
                done.result()
            except ImaginTalkError as error:
                failures[name_of(recording)] = str(error)
            notify(Progress(f"prepare {corpus}", count / len(recordings)))
    kept = [r for r in recordings if name_of(r) not in failures]
    if not kept:
        raise DataError(f"{corpus}: expected recordings that can be read, all {len(recordings)} failed: {failures}")
    write_index(folder, corpus, kept)
    return [f"{name}: {reason}" for name, reason in sorted(failures.items())]


def one_thread() -> None:
    """What each process of a pool starts with: the pool has one a core."""
    import torch

    torch.set_num_threads(1)


def prepare_one(recording: Recording, folder: Path, parts: tuple[str, ...], style: StyleConfig) -> None:
    """Write the parts of one recording that are not there yet. Raises ImaginTalkError when it cannot be read."""
    makers: dict[str, Callable[[Recording], dict[str, np.ndarray]]] = {"sound": _sound, "voice": _voice}
    if recording.has_picture:
        makers["picture"] = lambda recording: _picture(recording, style)
    for part in parts:
        path = folder / f"{name_of(recording)}.{part}.npz"
        if part in makers and not path.exists():
            arrays = makers[part](recording)
            write_part(path, arrays)


def _sound(recording: Recording) -> dict[str, np.ndarray]:
    from imagintalk.data.pitch import pitch_track

    samples = read_audio(recording.sound, SAMPLE_RATE)
    if recording.has_picture:
        from imagintalk.media.probe import probe
        from imagintalk.media.times import clip_duration, frame_count

        clip = Clip(recording.path)
        length = frame_count(clip_duration(clip, probe(recording.path))) * SAMPLES_PER_VIDEO_FRAME
        samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    samples = np.pad(samples, (0, -len(samples) % SAMPLES_PER_TOKEN))
    if not len(samples):
        raise DataError(f"{recording.sound}: expected sound, found none")
    integers = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
    return {"samples": integers, "pitch": pitch_track(samples)}


@functools.cache
def speaker_encoder() -> SpeakerEncoder:
    """Loaded once a process."""
    from imagintalk.style.speaker import SpeakerEncoder

    return SpeakerEncoder()


def _voice(recording: Recording) -> dict[str, np.ndarray]:
    samples = read_audio(recording.sound, EAR_SAMPLE_RATE)
    return {"ge2e": speaker_encoder().embed(samples, EAR_SAMPLE_RATE)}


@functools.cache
def _face_tools(style: StyleConfig) -> tuple[IdentityBackend, ExpressionBackend]:
    from imagintalk.face.expression import expression_backend
    from imagintalk.face.identity import identity_backend

    return identity_backend(style.identity), expression_backend(style.expression)


def _picture(recording: Recording, style: StyleConfig) -> dict[str, np.ndarray]:
    from imagintalk.face.read import read_face
    from imagintalk.media.probe import probe

    identity, expression = _face_tools(style)
    clip = Clip(recording.path)
    crops = read_face(clip, probe(recording.path), None, expression=expression, notify=lambda _: None)
    return {
        "mouth": crops.mouth,
        "identity": identity.embed(crops.face[::4]),  # dlib is the slowest part; two faces of a still head do
        "expression": crops.expression,
        "expression_frames": crops.expression_frames,
    }
