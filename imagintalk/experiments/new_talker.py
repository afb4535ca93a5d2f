"""How many clips of a new talker does the model need to be adapted to: those that are held out tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from imagintalk.adapting.adapt import adapt
from imagintalk.adapting.talker import load_talker
from imagintalk.data.recording import Recording
from imagintalk.dubbing.confidence import confidence
from imagintalk.evaluation.subset import evenly
from imagintalk.experiments.charts import Lines
from imagintalk.experiments.ears import cosine, fitting
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.summary import DNSMOS, ESTOI, VOICE, WER, Column, at, line, settings_of, settings_table
from imagintalk.pipeline import Pipeline

TALKER = "s4"
COUNTS = (0, 5, 10, 20, 40)
"""Clips adapted to; 0 is the model as it is. Where there are fewer than the last, it is all of them."""
HELD_OUT = 10


class NewTalker(Experiment):
    """Held out are the validation and test splits; the talker's training split is what may be adapted to."""

    name = "talker"
    title = "A new talker"
    question = "How many clips of somebody does the model need before it reads their lips and has their voice?"
    clips = HELD_OUT

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        """Setting after setting, not clip after clip: an adapted model is made once."""
        grown = lab.clips(max(COUNTS), "train", TALKER)
        held_out = lab.clips(HELD_OUT, "validation", TALKER) + lab.clips(HELD_OUT, "test", TALKER)
        return [
            Unit(
                recording.stem,
                str(count),
                partial(self._measure, lab, recording, evenly(grown, count) if count else []),
            )
            for count in sorted({min(count, len(grown)) for count in COUNTS})
            for recording in evenly(held_out, clips)
        ]

    def _measure(self, lab: Lab, recording: Recording, grown: Sequence[Recording]) -> Figures:
        adapted = lab.keep("adapted", len(grown), lambda: self._adapted(lab, grown))
        content = adapted.content(recording.path)
        style = adapted.style(recording.path)
        true, made = fitting(adapted.sound(recording), adapted.speak(content, style))
        right = content.ids == adapted.true_tokens(recording, len(content.ids))
        return {
            "tokens": float(right.mean()),
            "confidence": confidence(content),
            "WER": adapted.ears.wer(recording.text, made),
            "ESTOI": adapted.ears.estoi(true, made),
            "DNSMOS": adapted.ears.dnsmos(made),
            "voice": cosine(adapted.ears.voice(true), adapted.ears.voice(made)),
        }

    def _adapted(self, lab: Lab, grown: Sequence[Recording]) -> Lab:
        """The lab with the adapted model; the adapter stays in the cache."""
        if not grown:
            return lab
        pipeline, folder = lab.pipeline, lab.places.cache / "experiments"
        path = folder / f"{TALKER}-{len(grown)}-of-lips-{pipeline.store.part_sha256('lips')[:12]}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            paths = [recording.path for recording in grown]
            adapt(pipeline.store, pipeline.parts, paths, lambda progress: lab.beat(progress.fraction)).save(path)
        adapted = Lab(Pipeline(pipeline.store, lab.parts.device, load_talker(path)), lab.places, lab.seed, lab.steps)
        adapted.ears = lab.ears
        return adapted

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        numbers, groups = [float(s) for s in settings], [at(rows, s) for s in settings]
        columns = (Column("tokens", "tokens right"), Column("confidence", "confidence"), WER, ESTOI, DNSMOS, VOICE)
        panels = tuple(
            Lines(heading, "clips", heading, (line(TALKER, numbers, groups, figure),))
            for figure, heading in (("WER", "WER, %"), ("tokens", "share of tokens right"), ("voice", "GE2E cosine"))
        )
        notes = (
            "new is a talker only to a model that was trained without: the shipped recipe trains on all of GRID's",
        )
        return Report((settings_table(f"GRID {TALKER}", "clips", rows, settings, columns),), panels, notes)
