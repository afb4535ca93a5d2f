"""When should the error detector mask a token, and how hard should the language model refill it (the paper: at 0.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagintalk.config import DetectorConfig
from imagintalk.data.recording import Recording
from imagintalk.evaluation.table import Table
from imagintalk.experiments.charts import Line, Lines
from imagintalk.experiments.degraded import CONDITIONS, degrade, pictures_of, write_pictures
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import Lab
from imagintalk.experiments.summary import at, best, known, line, mean_of
from imagintalk.lip.detector import similarity_table
from imagintalk.refine.language import ROUNDS
from imagintalk.types import ContentTokens

THRESHOLDS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FRACTIONS = (0.1, 0.25, 0.5)
OTHER_ROUNDS = (1, 2, 8)
NEVER = -1.0
"""A similarity below every other: nothing is refilled."""
BETWEEN = ", "


@dataclass(frozen=True)
class Rule:
    """What is masked, and in how many rounds it is refilled."""

    name: str
    detector: DetectorConfig
    rounds: int = ROUNDS


def rules(usual: DetectorConfig) -> list[Rule]:
    """All that are compared; the rounds are varied about the config's own rule."""
    fixed = [Rule(f"fixed {t:g}", DetectorConfig("fixed", t, usual.fraction)) for t in THRESHOLDS]
    adaptive = [Rule(f"adaptive {f:g}", DetectorConfig("adaptive", usual.threshold, f)) for f in FRACTIONS]
    rounds = [Rule(f"rounds {r}", usual, r) for r in OTHER_ROUNDS]
    return [Rule("off", DetectorConfig("fixed", NEVER, usual.fraction)), *fixed, *adaptive, *rounds]


class DetectorSweep(Experiment):
    """Six kinds of footage, each with every rule."""

    name = "detector"
    title = "Error detector and refill"
    question = (
        "Which tokens should be masked and refilled, on clean footage and on worse, and what does the refill break and "
        "mend?"
    )
    clips = 4
    if_failed: Figures = {"WER": 100.0}

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        return [
            Unit(r.stem, f"{condition}{BETWEEN}{rule.name}", partial(self._measure, lab, r, condition, rule))
            for r in lab.clips(clips)
            for condition in CONDITIONS
            for rule in rules(lab.parts.config.detector)
        ]

    def _measure(self, lab: Lab, recording: Recording, condition: str, rule: Rule) -> Figures:
        clip = lab.keep("degraded", (recording.path, condition), lambda: _degraded(lab, recording, condition))
        content = lab.content(clip, rule.detector, rule.rounds)
        spoken = lab.keep("spoken", clip, dict[bytes, float])
        key = content.weights.tobytes()  # rules that mask the same make the same speech
        if key not in spoken:
            spoken[key] = lab.ears.wer(recording.text, lab.speak(content, lab.style(clip)))
        true = lab.true_tokens(recording, len(content.ids))
        table = lab.keep("likeness", "", lambda: similarity_table(lab.parts.tokenizer.centroids).numpy())
        return {"WER": spoken[key], **drift(content, true, table)}

    def report(self, rows: Sequence[Row]) -> Report:
        names = list(dict.fromkeys(row["setting"].split(BETWEEN)[1] for row in rows))
        by_rule = {name: [r for r in rows if r["setting"].endswith(f"{BETWEEN}{name}")] for name in names}
        errors = Table(
            "WER, %",
            ("rule", *CONDITIONS, "all"),
            tuple(
                (
                    name,
                    *(_mean(at(rows, f"{c}{BETWEEN}{name}"), "WER") for c in CONDITIONS),
                    _mean(by_rule[name], "WER"),
                )
                for name in names
            ),
        )
        drifts = Table(
            "What the refill does, all footage",
            ("rule", "masked", "right ones broken", "wrong ones mended", "likeness before", "likeness after"),
            tuple((name, *_drift_cells(by_rule[name])) for name in names),
        )
        chosen = best(names, lambda name: mean_of(by_rule[name], "WER").mean)
        notes = (
            f"lowest WER over all footage: {chosen}",
            "broken and mended: share of all tokens that were right and are not, and the other way round; likeness: "
            "of the masked tokens to the true ones by sound, 1 equal",
        )
        return Report((errors, drifts), _panels(rows, by_rule), notes)


def drift(content: ContentTokens, true: NDArray[np.int64], likeness: NDArray[np.float32]) -> Figures:
    """Shares of all tokens, and how like the masked ones are to the true (T50,). likeness: (size, size)."""
    masked, right = content.masked, content.ids == true
    refilled_right = content.refilled == true
    before, after = (likeness[ids[masked], true[masked]] for ids in (content.ids, content.refilled))
    return {
        "masked": float(masked.mean()),
        "broken": float((masked & right & ~refilled_right).mean()),
        "mended": float((masked & ~right & refilled_right).mean()),
        "before": float(before.mean()) if masked.any() else float("nan"),
        "after": float(after.mean()) if masked.any() else float("nan"),
    }


def _degraded(lab: Lab, recording: Recording, condition: str) -> Path:
    """A file with the clip made worse."""
    left, top, right, bottom = lab.keep("mouth", recording.path, lambda: _mouth(lab, recording.path))
    path = lab.scratch / f"{recording.stem}-{condition.replace(' ', '-')}.mp4"
    write_pictures(path, degrade(pictures_of(recording.path), condition, (left, top, right, bottom), lab.seed))
    return path


def _mouth(lab: Lab, clip: Path) -> tuple[int, int, int, int]:
    """The lower half of the face, where it is over the whole clip: left, top, right, bottom in pixels."""
    left, top, right, bottom = np.median(lab.face(clip).track.boxes, axis=0)
    return int(left), int((top + bottom) / 2), int(right), int(bottom)


def _mean(rows: Sequence[Row], figure: str) -> str:
    return mean_of(rows, figure).text("")


def _drift_cells(rows: Sequence[Row]) -> list[str]:
    shares = [f"{np.mean(known(rows, name)):.1%}" for name in ("masked", "broken", "mended")]
    likeness = [known(rows, name) for name in ("before", "after")]
    return shares + [f"{np.mean(values):.2f}" if values else "–" for values in likeness]


def _panels(rows: Sequence[Row], by_rule: dict[str, list[Row]]) -> tuple[Lines, Lines]:
    fixed = [name for name in by_rule if name.startswith("fixed ")]
    thresholds = [float(name.split()[1]) for name in fixed]
    errors = tuple(
        line(condition, thresholds, [at(rows, f"{condition}{BETWEEN}{name}") for name in fixed], "WER")
        for condition in CONDITIONS
    )
    bare = tuple(Line(one.name, one.x, one.y) for one in errors)
    drifts = tuple(line(name, thresholds, [by_rule[f] for f in fixed], name) for name in ("masked", "broken", "mended"))
    return (
        Lines("Fixed threshold", "threshold", "WER, %", bare),
        Lines("What the refill does", "threshold", "share of the tokens", drifts),
    )
