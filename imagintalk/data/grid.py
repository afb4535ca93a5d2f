"""GRID (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0) and talkers drawn in the same layout.

    root/s1/bbaf2n.mp4            75 frames at 25 fps; the name spells the sentence
    root/align/s1/bbaf2n.align    start end word, in 1/25000 s; a talker without this folder has no word times

Splits are per talker, by the sorted stems.
"""

from __future__ import annotations

from pathlib import Path

from imagintalk.data.grid_grammar import sentence_of
from imagintalk.data.recording import PICTURE_SUFFIXES, Recording, Words, folder, read_text
from imagintalk.data.splits import splits_of
from imagintalk.errors import DataError

ALIGN_UNITS_PER_SECOND = 25_000
SILENCES = frozenset({"sil", "sp"})


def read_align(path: Path) -> Words:
    """Word times in seconds. Raises DataError naming the line when it is not `start end word` in order."""
    words: list[tuple[float, float, str]] = []
    last = 0
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 3 or not (parts[0].isdigit() and parts[1].isdigit()):
            raise DataError(f"{path}:{number}: expected `start end word` in 1/25000 s, got {line!r}")
        start, end, word = int(parts[0]), int(parts[1]), parts[2].lower()
        if not last <= start <= end:
            raise DataError(f"{path}:{number}: expected times that follow each other, got {line!r} after {last}")
        last = end
        if word not in SILENCES:
            words.append((start / ALIGN_UNITS_PER_SECOND, end / ALIGN_UNITS_PER_SECOND, word))
    return tuple(words)


def read_grid(root: Path) -> list[Recording]:
    """All clips, talker by talker in sorted order. Raises DataError when the layout is not the one above."""
    folder(root, "a GRID folder with one folder of videos per talker (s1, s2, ...) and align/")
    recordings: list[Recording] = []
    for talker in sorted(p for p in root.iterdir() if p.is_dir() and p.name != "align"):
        clips = sorted(p for p in talker.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.name[0] != ".")
        aligns = root / "align" / talker.name
        splits = splits_of((clip.stem for clip in clips), talker)
        recordings += [
            Recording(
                stem=clip.stem,
                path=clip,
                talker=talker.name,
                split=splits[clip.stem],
                has_picture=True,
                words=read_align(aligns / f"{clip.stem}.align") if aligns.is_dir() else (),
                text=sentence_of(clip.stem),
            )
            for clip in clips
        ]
    if not recordings:
        raise DataError(f"{root}: expected GRID videos such as s1/bbaf2n.mp4, found none")
    return recordings
