"""How many steps, and which sampler: quality against time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from imagintalk.data.recording import Recording
from imagintalk.diffusion.sampler import SAMPLERS
from imagintalk.experiments.charts import Line, Lines
from imagintalk.experiments.ears import fitting
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.summary import DNSMOS, ESTOI, WER, Column, at, line, settings_of, settings_table

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
BETWEEN = ", "


class SamplerSteps(Experiment):
    """Every sampler at every number of steps, from the same content and style."""

    name = "steps"
    title = "Samplers and steps"
    question = "How many steps does each sampler need, and what do they cost?"
    clips = 3

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        return [
            Unit(r.stem, f"{sampler}{BETWEEN}{steps}", partial(self._measure, lab, r, sampler, steps))
            for r in lab.clips(clips)
            for sampler in SAMPLERS
            for steps in STEPS
        ]

    def _measure(self, lab: Lab, recording: Recording, sampler: str, steps: int) -> Figures:
        content, style = lab.content(recording.path), lab.style(recording.path)
        start, cpu = time.perf_counter(), time.process_time()
        codes = lab.codes(content, style, None, sampler, steps)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
        true, made = fitting(lab.sound(recording), lab.sound_of_codes(codes))
        return {
            "WER": lab.ears.wer(recording.text, made),
            "ESTOI": lab.ears.estoi(true, made),
            "DNSMOS": lab.ears.dnsmos(made),
            "seconds": seconds,
            "CPU seconds": cpu_seconds,
        }

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        samplers = list(dict.fromkeys(setting.split(BETWEEN)[0] for setting in settings))
        panels = tuple(
            Lines(heading, "steps", heading, tuple(_line(rows, s, figure) for s in samplers), logarithmic=True)
            for figure, heading in (("WER", "WER, %"), ("ESTOI", "ESTOI"), ("DNSMOS", "DNSMOS"), ("seconds", "seconds"))
        )
        cost = (Column("seconds", "seconds", " s"), Column("CPU seconds", "of one CPU core", " s"))
        table = settings_table("Samplers", "sampler, steps", rows, settings, (WER, ESTOI, DNSMOS, *cost))
        notes = (
            "seconds: sampling alone, of clips of three seconds; where other work shares the machine the CPU's own "
            "tell more",
            "each group of levels ends with a denoising pass of its own, which the steps do not count; a group without "
            "a step has that pass alone",
        )
        return Report((table,), panels, notes)


def _line(rows: Sequence[Row], sampler: str, figure: str) -> Line:
    """Without bars: five of them would hide each other."""
    found = line(sampler, STEPS, [at(rows, f"{sampler}{BETWEEN}{steps}") for steps in STEPS], figure)
    return Line(found.name, found.x, found.y)
