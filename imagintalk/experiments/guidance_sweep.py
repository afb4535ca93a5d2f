"""How strongly each condition should steer: one weight varied at a time, about the config's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from imagintalk.config import Guidance
from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.experiments.charts import Line, Lines
from imagintalk.experiments.ears import cosine, fitting
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.summary import (
    DNSMOS,
    EMOTION,
    ESTOI,
    VOICE,
    WER,
    at,
    best,
    line,
    mean_of,
    settings_of,
    settings_table,
)
from imagintalk.types import Emotion

WEIGHTS: dict[str, tuple[float, ...]] = {
    "joint": (0.5, 1.0, 1.5, 2.0, 3.0),
    "lip": (0.0, 0.5, 1.0, 2.0, 3.0),
    "identity": (0.0, 1.0, 2.0, 3.0, 5.0),
    "emotion": (0.0, 1.0, 2.0, 3.0, 5.0),
}
ASKED = (Emotion.HAPPY, Emotion.SAD, Emotion.ANGRY, Emotion.FEARFUL)
"""Clip after clip the next of them is asked for."""


class GuidanceSweep(Experiment):
    """A voice and an emotion are asked for, so that each weight has something to steer to."""

    name = "guidance"
    title = "Guidance"
    question = "What does the weight of each condition buy, and what does it cost?"
    clips = 8

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        presets = sorted(lab.parts.presets)
        if not presets:
            raise DataError("guidance: expected a model with preset voices, it has none; train its part style")
        usual = lab.parts.config.diffusion.guidance
        found = []
        for number, recording in enumerate(lab.clips(clips)):
            wanted = presets[number * len(presets) // clips % len(presets)], ASKED[number % len(ASKED)]
            for name, values in WEIGHTS.items():
                for value in values:
                    weights = replace(usual, **{name: value})
                    measure = partial(self._measure, lab, recording, *wanted, weights)
                    found.append(Unit(recording.stem, f"{name} {value:g}", measure))
        return found

    def _measure(self, lab: Lab, recording: Recording, preset: str, emotion: Emotion, weights: Guidance) -> Figures:
        voice = lab.parts.presets[preset].c_id
        spoken = lab.keep("spoken", (recording.path, preset, emotion), dict[Guidance, Figures])
        if weights not in spoken:  # each sweep passes the config's own weights once
            style = lab.style(recording.path, voice, ((0.0, emotion.word, 1.0),))
            true, made = fitting(lab.sound(recording), lab.speak(lab.content(recording.path), style, weights))
            spoken[weights] = {
                "WER": lab.ears.wer(recording.text, made),
                "ESTOI": lab.ears.estoi(true, made),
                "DNSMOS": lab.ears.dnsmos(made),
                "voice": cosine(voice, lab.ears.voice(made)),
                "emotion": cosine(lab.ears.emotion_asked(emotion), lab.ears.emotion(made)),
            }
        return spoken[weights]

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        swept = {name: [s for s in settings if s.split()[0] == name] for name in WEIGHTS}
        tables = tuple(
            settings_table(f"Weight of {name}", "weight", rows, found, (WER, ESTOI, DNSMOS, VOICE, EMOTION))
            for name, found in swept.items()
        )
        panels = tuple(
            Lines(heading, "weight", heading, tuple(_line(rows, name, found, figure) for name, found in swept.items()))
            for figure, heading in (
                ("WER", "WER, %"),
                ("DNSMOS", "DNSMOS"),
                ("voice", "voice: cosine to the asked one"),
                ("emotion", "emotion: cosine to the asked one"),
            )
        )
        judged = {"joint": "WER", "lip": "WER", "identity": "voice", "emotion": "emotion"}
        notes = tuple(
            f"by {figure} alone the best is {_best(rows, swept[name], figure)}" for name, figure in judged.items()
        )
        return Report(tables, panels, notes)


def _best(rows: Sequence[Row], settings: Sequence[str], figure: str) -> str:
    sign = 1 if figure == "WER" else -1
    return best(settings, lambda setting: sign * mean_of(at(rows, setting), figure).mean)


def _line(rows: Sequence[Row], name: str, settings: Sequence[str], figure: str) -> Line:
    weights = [float(setting.split()[1]) for setting in settings]
    found = line(name, weights, [at(rows, setting) for setting in settings], figure)
    return Line(found.name, found.x, found.y)
