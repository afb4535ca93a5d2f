"""Are voice and emotion apart: the same clip in several voices and emotions, each sound beside each other one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.recording import Recording
from imagintalk.errors import DataError
from imagintalk.evaluation.interval import interval
from imagintalk.evaluation.subset import evenly
from imagintalk.evaluation.table import Table
from imagintalk.experiments.charts import Matrix
from imagintalk.experiments.ears import cosine
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.summary import DNSMOS, WER, Column, settings_of, settings_table
from imagintalk.types import Emotion

VOICES = 4
EMOTIONS = (Emotion.NEUTRAL, Emotion.HAPPY, Emotion.SAD, Emotion.ANGRY)
BETWEEN = ", "
DIGITS = 4
MEASURES = ("voice", "emotion")


class StyleMatrix(Experiment):
    """Voices are presets of the model, evenly chosen."""

    name = "style"
    title = "Voice and emotion apart"
    question = "Does the emotion stay when the voice is another, and the voice when the emotion is another?"
    clips = 8
    if_failed: Figures = {"WER": 100.0}

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        presets = lab.parts.presets
        if len(presets) < 2:
            raise DataError(f"style: expected a model with preset voices, it has {len(presets)}; train its part style")
        return [
            Unit(r.stem, f"{voice}{BETWEEN}{emotion.word}", partial(self._measure, lab, r, voice, emotion))
            for r in lab.clips(clips)
            for voice in evenly(sorted(presets), VOICES)
            for emotion in EMOTIONS
        ]

    def _measure(self, lab: Lab, recording: Recording, preset: str, emotion: Emotion) -> Figures:
        wanted = lab.parts.presets[preset].c_id
        style = lab.style(recording.path, wanted, ((0.0, emotion.word, 1.0),))
        made = lab.speak(lab.content(recording.path), style, lab.parts.config.diffusion.guidance)
        voice, feeling = lab.ears.voice(made), lab.ears.emotion(made)
        return {
            "WER": lab.ears.wer(recording.text, made),
            "DNSMOS": lab.ears.dnsmos(made),
            "to the voice": cosine(voice, wanted),
            "to the emotion": cosine(feeling, lab.ears.emotion_asked(emotion)),
            "voice": _rounded(voice),
            "emotion": _rounded(feeling),
        }

    def report(self, rows: Sequence[Row]) -> Report:
        settings = settings_of(rows)
        matrices = {measure: similarities(rows, settings, measure) for measure in MEASURES}
        panels = tuple(
            Matrix(f"{measure}: cosine", "", "", tuple(settings), tuple(settings), _nested(values.mean(axis=0)))
            for measure, values in matrices.items()
        )
        asked = (
            Column("to the voice", "voice: cosine to the asked one"),
            Column("to the emotion", "emotion: the same"),
        )
        tables = (
            _groups(settings, matrices),
            settings_table("Each style", "voice and emotion", rows, settings, (*asked, WER, DNSMOS)),
        )
        notes = (
            "the emotion stays apart from the voice when `same emotion, another voice` is well above `both other`",
        )
        return Report(tables, panels, notes)


def similarities(rows: Sequence[Row], settings: Sequence[str], measure: str) -> NDArray[np.float64]:
    """(clips, settings, settings) cosines between the sounds of one clip; NaN where a sound has no such vector."""
    by_clip: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_clip.setdefault(row["clip"], {})[row["setting"]] = row
    found = []
    for clip in by_clip.values():
        vectors = [clip[setting].get(measure) for setting in settings]
        width = max((len(v) for v in vectors if v), default=1)
        stacked = np.array([v if v and None not in v else [np.nan] * width for v in vectors], dtype=np.float64)
        found.append(stacked @ stacked.T)
    return np.array(found)


def _groups(settings: Sequence[str], matrices: dict[str, NDArray[np.float64]]) -> Table:
    """Mean cosine of the pairs that share voice, emotion or neither; one figure a clip."""
    named = [setting.split(BETWEEN) for setting in settings]
    kinds: dict[str, Callable[[list[str], list[str]], bool]] = {
        "same voice, another emotion": lambda a, b: a[0] == b[0] and a[1] != b[1],
        "same emotion, another voice": lambda a, b: a[0] != b[0] and a[1] == b[1],
        "both other": lambda a, b: a[0] != b[0] and a[1] != b[1],
    }
    cells = []
    for kind, belongs in kinds.items():
        pairs = [(i, j) for i in range(len(named)) for j in range(i) if belongs(named[i], named[j])]
        first, second = np.array(pairs).T
        values = [np.nanmean(matrices[measure][:, first, second], axis=1).tolist() for measure in MEASURES]
        cells.append((kind, *(interval(value).text("") for value in values)))
    return Table("Pairs of sounds of one clip", ("pair", "voice, GE2E cosine", "emotion cosine"), tuple(cells))


def _rounded(vector: NDArray[np.float32]) -> list[float]:
    return vector.astype(np.float64).round(DIGITS).tolist()


def _nested(values: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in values)
