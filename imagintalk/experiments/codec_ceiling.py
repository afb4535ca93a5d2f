"""How good can speech be through the codec, by the number of RVQ levels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from imagintalk.data.recording import Recording
from imagintalk.experiments.charts import Lines
from imagintalk.experiments.ears import Sound, cosine, fitting
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.summary import DNSMOS, ESTOI, MCD, VOICE, WER, at, line, settings_of, settings_table

RECORDING = "recording"


class CodecCeiling(Experiment):
    """True speech, encoded whole, decoded from its first levels."""

    name = "codec"
    title = "Codec ceiling"
    question = (
        "What is the best that a dub can sound like: the recordings themselves, encoded and decoded from the first "
        "1 to 12 levels of their codes."
    )
    clips = 12
    parts = ("codec",)

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        settings = (RECORDING, *map(str, range(1, lab.parts.config.codec.levels + 1)))
        return [
            Unit(recording.stem, setting, partial(self._measure, lab, recording, setting))
            for recording in lab.clips(clips)
            for setting in settings
        ]

    def _measure(self, lab: Lab, recording: Recording, setting: str) -> Figures:
        true = lab.sound(recording)
        true, made = fitting(true, true if setting == RECORDING else _decoded(lab, recording, int(setting)))
        voice = lab.keep("true voice", recording.path, lambda: lab.ears.voice(true))
        return {
            "WER": lab.ears.wer(recording.text, made),
            "ESTOI": lab.ears.estoi(true, made),
            "MCD": lab.ears.mcd(true, made),
            "DNSMOS": lab.ears.dnsmos(made),
            "voice": cosine(voice, lab.ears.voice(made)),
        }

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        levels = [setting for setting in settings if setting != RECORDING]
        numbers, groups = [float(n) for n in levels], [at(rows, n) for n in levels]
        panels = [
            Lines(heading, "levels", heading, (line("codec", numbers, groups, figure),))
            for figure, heading in (("ESTOI", "ESTOI"), ("MCD", "MCD, dB"), ("WER", "WER, %"), ("DNSMOS", "DNSMOS"))
        ]
        table = settings_table("Levels", "levels", rows, settings, (WER, ESTOI, MCD, DNSMOS, VOICE))
        notes = ("codes are chosen for all levels together; fewer levels are the first of them, as a dub makes them",)
        return Report((table,), tuple(panels), notes)


def _decoded(lab: Lab, recording: Recording, levels: int) -> Sound:
    """The recording through its first levels."""
    samples = torch.from_numpy(lab.sound(recording))[None].to(lab.parts.device)
    codes = lab.keep("true codes", recording.path, lambda: lab.parts.codec.encode(samples)[0])
    return lab.sound_of_codes(codes[:levels])
