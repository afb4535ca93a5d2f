"""What the temporal style is good for: Dual-adaLN against plain adaLN that has the style of the whole clip only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from imagintalk.data.recording import Recording
from imagintalk.dubbing.options import DubOptions
from imagintalk.experiments.charts import Lines
from imagintalk.experiments.ears import Sound, cosine, fitting
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import AS_SHOWN, Lab
from imagintalk.experiments.summary import DNSMOS, WER, Column, at, line, settings_of, settings_table
from imagintalk.rates import SAMPLE_RATE, TOKEN_HZ
from imagintalk.style.emotion import EmotionKey
from imagintalk.types import ContentTokens, Emotion, Style

DUAL, PLAIN = "dual", "plain"
SHOWN, TURNING = "as shown", "turning"
FIRST, SECOND = Emotion.CALM, Emotion.ANGRY
"""Asked for in the first and the second half of a turning clip: far apart in pitch and level."""
TURN_S = 0.2


class PlainAdaLn(Experiment):
    """Each clip as its face shows it, and turning from one emotion to another in the middle of what is said."""

    name = "adaln"
    title = "Dual-adaLN against plain adaLN"
    question = (
        "Does a style that changes over the clip change the speech over the clip, or does its mean over the clip do as "
        "well?"
    )
    clips = 24

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        return [
            Unit(r.stem, f"{emotions}, {style}", partial(self._measure, lab, r, emotions, style))
            for r in lab.clips(clips)
            for emotions in (SHOWN, TURNING)
            for style in (DUAL, PLAIN)
        ]

    def _measure(self, lab: Lab, recording: Recording, emotions: str, kind: str) -> Figures:
        content = lab.content(recording.path)
        middle = middle_of_speech(recording, content)
        keys = AS_SHOWN if emotions == SHOWN else turning(middle)
        style = lab.style(recording.path, None, keys)
        guidance = DubOptions(emotions=keys).guidance_weights(lab.parts.config)
        made = lab.speak(content, style if kind == DUAL else without_time(style), guidance)
        true, made = fitting(lab.sound(recording), made)
        return {
            "WER": lab.ears.wer(recording.text, made),
            "DNSMOS": lab.ears.dnsmos(made),
            "F0 range": lab.ears.f0_range(made),
            "true F0 range": lab.ears.f0_range(true),
            **(_against(lab, true, made) if emotions == SHOWN else _halves(lab, made, middle)),
        }

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        shown = [setting for setting in settings if setting.startswith(SHOWN)]
        turned = [setting for setting in settings if setting.startswith(TURNING)]
        common = (Column("F0 range", "F0 range", " st"), WER, DNSMOS)
        true = Column("true F0 range", "F0 range of the recordings", " st")
        against = (Column("F0 RMSE", "F0 RMSE ↓", " Hz"), Column("emotion", "emotion cosine to the recording ↑"), true)
        halves = (
            Column("rise", f"pitch, {SECOND.word} half above the {FIRST.word} one", " st"),
            Column("louder", "level, the same", " dB"),
            Column("first", f"{FIRST.word} half: cosine to {FIRST.word} less {SECOND.word}"),
            Column("second", f"{SECOND.word} half: cosine to {SECOND.word} less {FIRST.word}"),
        )
        tables = (
            settings_table("Emotion as the face shows", "style", rows, shown, (*against, *common)),
            settings_table(f"{FIRST.word}, then {SECOND.word}", "style", rows, turned, (*halves, *common)),
        )
        panels = (
            _pair("F0 range, semitones", rows, shown, "F0 range"),
            _pair("F0 RMSE, Hz", rows, shown, "F0 RMSE"),
            _pair(f"{SECOND.word} half above the {FIRST.word} one, semitones", rows, turned, "rise"),
        )
        notes = (
            "plain: the emotion of every frame is its mean over the clip, so that the temporal MLP gives the same at "
            "all frames, which is adaLN with a global style; the network was not trained so, unless a model that was "
            "is given with --model",
            "pitch and level fall towards the end of any sentence: what counts is dual less plain",
            "the shipped recipe trains on one emotion label a recording: a change within a clip is new to the network",
        )
        return Report(tables, panels, notes)


def without_time(style: Style) -> Style:
    """The style with the mean emotion at every frame."""
    mean = style.emotion.mean(axis=0, keepdims=True)
    return replace(style, emotion=np.repeat(mean, len(style.emotion), axis=0))


def turning(middle_s: float) -> tuple[EmotionKey, ...]:
    """Keys of an emotion that turns at a time of the clip."""
    before, after = max(middle_s - TURN_S / 2, 0.0), middle_s + TURN_S / 2
    return ((before, FIRST.word, 1.0), (after, SECOND.word, 1.0))


def middle_of_speech(recording: Recording, content: ContentTokens) -> float:
    """Seconds: between the first and the last word, or of the clip where there are no word times."""
    if recording.words:
        return (recording.words[0][0] + recording.words[-1][1]) / 2
    return len(content.ids) / TOKEN_HZ / 2


def _against(lab: Lab, true: Sound, made: Sound) -> Figures:
    return {
        "F0 RMSE": lab.ears.f0_rmse(true, made),
        "emotion": cosine(lab.ears.emotion(true), lab.ears.emotion(made)),
    }


def _halves(lab: Lab, made: Sound, middle_s: float) -> Figures:
    cut = round(middle_s * SAMPLE_RATE)
    halves = made[:cut], made[cut:]
    pitch = [lab.ears.f0_mean(half) for half in halves]
    level = [lab.ears.level(half) for half in halves]
    heard = [lab.ears.emotion(half) for half in halves]
    towards = lab.ears.emotion_asked(SECOND) - lab.ears.emotion_asked(FIRST)
    return {
        "rise": pitch[1] - pitch[0],
        "louder": level[1] - level[0],
        "first": -float(heard[0] @ towards),
        "second": float(heard[1] @ towards),
    }


def _pair(label: str, rows: Sequence[Row], settings: Sequence[str], figure: str) -> Lines:
    groups = [at(rows, setting) for setting in settings]
    ticks = tuple(setting.split(", ")[1] for setting in settings)
    return Lines(label, "style", label, (line("clips", range(len(groups)), groups, figure),), ticks=ticks)
