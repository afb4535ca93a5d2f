"""Any two folders of recordings, scored pair by pair: ours, or those of another system."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagintalk.errors import DataError
from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.interval import interval
from imagintalk.evaluation.meters import METERS, Meters, Sound
from imagintalk.evaluation.table import Table
from imagintalk.media.audio import read_audio
from imagintalk.media.files import whole_file
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress

JSON_NAME, MARKDOWN_NAME = "scores.json", "scores.md"


@dataclass(frozen=True)
class Scores:
    """One pair."""

    clip: str
    figures: dict[str, float]
    """By the name of the meter; NaN where it cannot tell."""
    failure: str = ""


Groups = Mapping[str, Sequence[Scores]]
"""By what was measured, the clips of it."""


def find_pairs(reference: Path, generated: Path) -> list[tuple[Path, Path]]:
    """Files with the same name but for the ending, as (reference, generated).

    Raises DataError: no folder, a name twice in one of them, nothing in common, or generated speech without recording.
    """
    true, made = _by_stem(reference), _by_stem(generated)
    alone = sorted(made.keys() - true.keys())
    if alone:
        raise DataError(
            f"{generated}: expected a recording of the same name in {reference} for each, none for {alone[0]}"
        )
    if not made:
        raise DataError(f"{generated}: expected generated speech, one file a clip, found none")
    return [(true[stem], made[stem]) for stem in sorted(made)]


def score_pairs(pairs: Sequence[tuple[Path, Path]], meters: Meters, notify: Notify) -> list[Scores]:
    """All meters of each pair; one that cannot be measured is kept with its reason."""
    found = []
    for count, (true, made) in enumerate(pairs, 1):

        def sounds(true: Path = true, made: Path = made) -> tuple[Sound, Sound]:
            return read_audio(true, SAMPLE_RATE), read_audio(made, SAMPLE_RATE)

        found.append(score(made, sounds, meters))
        notify(Progress("score", count / len(pairs)))
    return found


def score(clip: Path, sounds: Callable[[], tuple[Sound, Sound]], meters: Meters) -> Scores:
    """The meters of one clip's recording and generated speech, at 24 kHz, which `sounds` gives or fails to give."""
    nothing = {meter.name: float("nan") for meter in METERS}
    return Scores(clip.stem, *attempt(lambda: meters.measure(*sounds(), SAMPLE_RATE), nothing, clip))


def scores_table(title: str, groups: Groups) -> Table:
    """A row a group: mean ± 95 % bootstrap interval of each meter."""
    heads = tuple(f"{meter.name} {'↓' if meter.small_is_good else '↑'}" for meter in METERS)
    rows = []
    for name, scores in groups.items():
        cells = [interval([s.figures[meter.name] for s in scores]).text(meter.unit) for meter in METERS]
        rows.append((name, str(sum(not s.failure for s in scores)), *cells))
    return Table(title, ("what", "clips", *heads), tuple(rows))


def write_scores(table: Table, groups: Groups, folder: Path) -> None:
    """Write scores.md (the table, and what its meters mean) and scores.json (every clip). Raises OutputError."""
    legend = "\n".join(f"- {meter.name}: {meter.says}" for meter in METERS)
    failed = "\n".join(f"- {s.clip}: left out, {s.failure}" for scores in groups.values() for s in scores if s.failure)
    text = f"{table.markdown}\nMean ± 95 % bootstrap interval over the clips.\n\n{legend}\n"
    plain = {
        name: [{"clip": s.clip, **_numbers(s.figures), **({"failure": s.failure} if s.failure else {})} for s in scores]
        for name, scores in groups.items()
    }
    for name, content in (
        (MARKDOWN_NAME, text + (f"\n{failed}\n" if failed else "")),
        (JSON_NAME, json.dumps(plain, indent=2, ensure_ascii=False) + "\n"),
    ):
        with whole_file(folder / name) as partial:
            partial.write_text(content, encoding="utf-8")


def _numbers(figures: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: None if np.isnan(value) else value for name, value in figures.items()}


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of recordings, one file a clip")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            if path.stem in found:
                raise DataError(f"{folder}: expected each name once, got {found[path.stem].name} and {path.name}")
            found[path.stem] = path
    return found
