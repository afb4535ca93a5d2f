"""Any two folders of recordings, scored pair by pair: ours, or those of another system."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagintalk.data.grid_grammar import sentence_of
from imagintalk.data.lrs3 import read_transcript
from imagintalk.data.recording import PICTURE_SUFFIXES, plain, read_text
from imagintalk.errors import DataError
from imagintalk.evaluation.attempt import attempt
from imagintalk.evaluation.interval import Interval, interval
from imagintalk.evaluation.lip_sync import mouth_opening
from imagintalk.evaluation.meters import METERS, Measured, Meter, Meters, Pair
from imagintalk.evaluation.table import Table
from imagintalk.media.audio import read_audio
from imagintalk.media.files import whole_file
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress

JSON_NAME, MARKDOWN_NAME = "scores.json", "scores.md"
TEXT_SUFFIX = ".txt"


@dataclass(frozen=True)
class Scores:
    """One pair."""

    clip: str
    said: str
    """Empty where nobody knows."""
    measured: Measured
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

        def read(true: Path = true, made: Path = made) -> Pair:
            sounds = read_audio(true, SAMPLE_RATE), read_audio(made, SAMPLE_RATE)
            seen = next((path for path in (true, made) if path.suffix.lower() in PICTURE_SUFFIXES), None)
            return Pair(*sounds, SAMPLE_RATE, said_in(true), None if seen is None else mouth_opening(seen))

        found.append(score(made, said_in(true), read, meters))
        notify(Progress("score", count / len(pairs)))
    return found


def score(clip: Path, said: str, read: Callable[[], Pair], meters: Meters) -> Scores:
    """The meters of one clip, whose sounds at 24 kHz `read` gives or fails to give."""
    return Scores(clip.stem, said, *attempt(lambda: meters.measure(read()), Measured(), clip))


def said_in(recording: Path) -> str:
    """What a recording says: a text file of its name beside it, as LRS3 has them or bare; else GRID's name; else "".

    Raises DataError when the text file cannot be read.
    """
    beside = recording.with_suffix(TEXT_SUFFIX)
    if beside.is_file():
        content = read_text(beside)
        return read_transcript(beside)[0] if content.startswith("Text:") else plain(content)
    try:
        return sentence_of(recording.stem)
    except DataError:
        return ""


def scores_table(title: str, groups: Groups) -> Table:
    """A row a meter, a column a group: mean ± 95 % bootstrap interval."""
    clips = tuple(str(sum(not s.failure for s in scores)) for scores in groups.values())
    rows = [("clips", *clips)]
    for meter in METERS:
        cells = (_mean(meter, scores).text(meter.unit) for scores in groups.values())
        rows.append((f"{meter.name} {'↓' if meter.small_is_good else '↑'}", *cells))
    return Table(title, ("meter", *groups), tuple(rows))


def write_scores(table: Table, groups: Groups, folder: Path) -> None:
    """Write scores.md (the table, and what its meters mean) and scores.json (every clip). Raises OutputError."""
    legend = "\n".join(f"- {meter.name}: {meter.says}" for meter in METERS)
    failed = "\n".join(f"- {s.clip}: left out, {s.failure}" for scores in groups.values() for s in scores if s.failure)
    what = "Mean ± 95 % bootstrap interval over the clips; word errors are per hundred words of all clips."
    text = f"{table.markdown}\n{what}\n\n{legend}\n"
    plain = {
        name: {
            "table": {meter.name: _numbers(vars(_mean(meter, scores))) for meter in METERS},
            "clips": [_plain(s) for s in scores],
        }
        for name, scores in groups.items()
    }
    for name, content in (
        (MARKDOWN_NAME, text + (f"\n{failed}\n" if failed else "")),
        (JSON_NAME, json.dumps(plain, indent=2, ensure_ascii=False) + "\n"),
    ):
        with whole_file(folder / name) as partial:
            partial.write_text(content, encoding="utf-8")


def _mean(meter: Meter, scores: Sequence[Scores]) -> Interval:
    """Over the clips; of word errors over the words, so that a long sentence counts as much as it says."""
    words = [s.measured.errors[meter.name].words if meter.name in s.measured.errors else 1 for s in scores]
    return interval([s.measured.figures[meter.name] for s in scores], words)


def _plain(scores: Scores) -> dict[str, Any]:
    row: dict[str, Any] = {"clip": scores.clip, "said": scores.said, **_numbers(scores.measured.figures)}
    row |= {f"{name} heard": words for name, words in scores.measured.heard.items()}
    return row | ({"failure": scores.failure} if scores.failure else {})


def _numbers(figures: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: None if np.isnan(value) else value for name, value in figures.items()}


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of recordings, one file a clip")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix != TEXT_SUFFIX:
            if path.stem in found:
                raise DataError(f"{folder}: expected each name once, got {found[path.stem].name} and {path.name}")
            found[path.stem] = path
    return found
