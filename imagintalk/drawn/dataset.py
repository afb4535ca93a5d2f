"""Drawn clips laid out as GRID lays out a talker, so that the same reader takes them.

folder/drawn/bbaf2n.mp4
folder/align/drawn/bbaf2n.align    start end word, in 1/25000 s
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imagintalk.drawn.render import FRAMES, draw_clip
from imagintalk.drawn.sentence import DrawnSplit, sample_sentences
from imagintalk.drawn.voice import Span
from imagintalk.errors import OutputError
from imagintalk.media.files import whole_file
from imagintalk.rates import VIDEO_FPS, exact_ratio
from imagintalk.types import Notify, Progress

TALKER = "drawn"
_ALIGN_UNITS = 25_000
"""Per second, in GRID's word times."""


def draw_dataset(folder: Path, count: int, split: DrawnSplit, seed: int, notify: Notify | None = None) -> list[Path]:
    """Draw `count` distinct sentences of one split; clips that are already there whole are kept. Gives all the clips.

    The same count, split and seed give the same sentences. Raises OptionError (split, count), OutputError,
    WeightsError.
    """
    clips, aligns = folder / TALKER, folder / "align" / TALKER
    try:
        clips.mkdir(parents=True, exist_ok=True)
        aligns.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: expected a folder to draw clips into, got {error.strerror}") from error
    paths = []
    for index, sentence in enumerate(sample_sentences(count, split, seed)):
        if notify:
            notify(Progress("drawing clips", index / count))
        path, align = clips / f"{sentence.code}.mp4", aligns / f"{sentence.code}.align"
        if not (path.exists() and align.exists()):
            words = draw_clip(sentence, seed, path)
            with whole_file(align) as partial:
                partial.write_text(align_text(words), encoding="utf-8")
        paths.append(path)
    if notify:
        notify(Progress("drawing clips", 1.0))
    return paths


def align_text(words: Sequence[Span]) -> str:
    """GRID's word times of a drawn clip; silence around the sentence is `sil`, a pause in it `sp`."""
    lines, last = [], 0
    for index, word in enumerate(words):
        start, end = round(word.start_s * _ALIGN_UNITS), round(word.end_s * _ALIGN_UNITS)
        if start > last:
            lines.append(f"{last} {start} {'sp' if index else 'sil'}")
        lines.append(f"{start} {end} {word.name}")
        last = end
    whole = FRAMES * exact_ratio(_ALIGN_UNITS, VIDEO_FPS)
    return "\n".join([*lines, f"{last} {whole} sil"]) + "\n"
