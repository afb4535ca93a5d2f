"""Training recordings said again in other voices and with emotions that their talkers never acted.

Lips of somebody who speaks calmly must be able to shout, and in anybody's voice. Of the corpora with a picture none has
both; a network that only sees what was recorded learns that such words come neutrally, and in that talker's voice. So
their recordings are said again: moved as RAVDESS's actors move from their neutral voice (`moves`), with other vocal
tracts, or both. The content is that of the recording as it was; the speaker embedding is that of the neutral voice.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import numpy as np

from imagintalk.data.cache import RESTYLED, Example, read_cache, write_examples, write_part
from imagintalk.data.levels import gain_of
from imagintalk.data.moves import Move, actors_moves
from imagintalk.data.pitch import pitch_track
from imagintalk.data.prepare import one_thread, speaker_encoder
from imagintalk.data.restyle import Manner, restyle
from imagintalk.errors import DataError, VoiceError
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress

SOURCES = ("grid", "drawn")
ACTORS = "ravdess"
KINDS = ("emotion", "voice", "both")
"""Each recording is said again once in each."""
TRACTS = (0.82, 1.25)
SEMITONES_PER_TRACT = 36.0
"""By how much the pitch goes with the logarithm (base 2) of the tract: from men to women it rises an octave where
formants rise a fifth part (Hillenbrand et al. 1995)."""
STRAY_SEMITONES = 2.5
"""Standard deviation of the pitch around that."""


def restyle_cache(cache: Path, notify: Notify, workers: int) -> int:
    """Prepare the corpus `restyled` from what is prepared; what is there already is kept. Gives how many there are.

    Raises DataError when GRID or the drawn clips, or RAVDESS, are not prepared.
    """
    prepared = [e for e in read_cache(cache) if e.split == "train"]
    sources = [e for e in prepared if e.corpus in SOURCES]
    if not sources:
        raise DataError(f"{cache}: expected prepared recordings of {' or '.join(SOURCES)}; prepare them first")
    moves = actors_moves(e for e in prepared if e.corpus == ACTORS)
    folder = cache / RESTYLED
    folder.mkdir(exist_ok=True)
    made: list[Example] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=one_thread) as pool:
        waiting = [pool.submit(_restyle_one, e, moves, folder) for e in sources]
        for count, done in enumerate(as_completed(waiting), 1):
            made += done.result()
            notify(Progress(f"prepare {RESTYLED}", count / len(waiting)))
    write_examples(folder, RESTYLED, sorted(made, key=lambda e: e.name))
    return len(made)


def _restyle_one(source: Example, moves: list[Move], folder: Path) -> list[Example]:
    """What can be made of one recording."""
    made = []
    for kind in KINDS:
        name = f"{source.corpus}_{source.name}_{kind}"
        digest = hashlib.sha256(name.encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        example = replace(
            source,
            corpus=RESTYLED,
            name=name,
            folder=folder,
            has_picture=False,
            content_of=(source.corpus, source.name),
        )
        voice = _other_voice(rng) if kind != "emotion" else Manner()
        move = moves[int(rng.integers(len(moves)))] if kind != "voice" else None
        manner = voice
        if move is not None:
            example = replace(example, emotion=move.emotion, intensity=move.intensity)
            manner = replace(move.manner, tract=voice.tract, semitones=voice.semitones + move.manner.semitones)
        if (folder / f"{name}.voice.npz").exists():  # written last
            made.append(example)
            continue
        samples, pitch = source.samples, source.sound["pitch"]
        try:
            spoken = restyle(samples, SAMPLE_RATE, pitch, voice)
            embedding = source.voice["ge2e"] if voice == Manner() else speaker_encoder().embed(spoken, SAMPLE_RATE)
            if move is not None:
                spoken = restyle(samples, SAMPLE_RATE, pitch, manner)
        except (DataError, VoiceError):  # too little of a voice to be given another
            continue
        stored = np.clip(np.round(spoken * (32768 / gain_of(RESTYLED))), -32768, 32767).astype(np.int16)
        write_part(folder / f"{name}.sound.npz", {"samples": stored, "pitch": pitch_track(spoken)})
        write_part(folder / f"{name}.voice.npz", {"ge2e": embedding})
        made.append(example)
    return made


def _other_voice(rng: np.random.Generator) -> Manner:
    octaves = rng.uniform(*np.log2(TRACTS))
    semitones = SEMITONES_PER_TRACT * octaves + rng.normal(0, STRAY_SEMITONES)
    return Manner(tract=float(2**octaves), semitones=float(semitones))
