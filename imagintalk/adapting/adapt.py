"""From clips of a talker to an adapter of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagintalk.adapting.clips import read_talker
from imagintalk.adapting.talker import Talker, TalkerFacts
from imagintalk.adapting.tune import tune
from imagintalk.dubbing.parts import Parts
from imagintalk.dubbing.prompt import voice_prompt
from imagintalk.models import ModelStore
from imagintalk.provenance import now, program_version
from imagintalk.types import Notify, Progress

_READING = 0.5
"""Share of the time that reading the clips takes, about as measured."""


def adapt(store: ModelStore, parts: Parts, clips: Sequence[Path], notify: Notify) -> Talker:
    """Fit a model to a talker. `parts` stay as they are; a pipeline takes the adapter when it is loaded.

    Raises as `read_talker`, and WeightsError when the model has no tokenizer.
    """
    heard = read_talker(
        clips,
        parts.tokenizer,
        parts.speaker.embed,
        lambda share: notify(Progress("reading the clips", _READING * share)),
    )
    tuned = tune(
        parts.aligner,
        parts.config.lips,
        heard.clips,
        lambda share: notify(Progress("fitting the lips", _READING + (1 - _READING) * share)),
    )
    facts = TalkerFacts(
        model=store.name,
        lips_sha256=store.part_sha256("lips"),
        clips=len(clips),
        seconds=round(heard.seconds, 2),
        loss_before=tuned.before,
        loss_after=tuned.after,
        program_version=program_version(),
        created=now(),
    )
    return Talker(facts, heard.voice, voice_prompt(clips[0], parts), tuned.lips)
