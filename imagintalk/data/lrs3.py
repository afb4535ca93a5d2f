"""LRS3-TED (Afouras, Chung, Zisserman 2018; non-commercial research).

    root/{pretrain,trainval,test}/<talk>/50001.mp4
    root/{pretrain,trainval,test}/<talk>/50001.txt    "Text:" line; in pretrain a table WORD START END in seconds

`test` is the published test split. Our choice for validation, which is not published: every tenth talk of the sorted
talks, whole, because pretrain and trainval cut the same talks.
"""

from __future__ import annotations

from pathlib import Path

from imagintalk.data.recording import Recording, Words, folder, plain, read_text
from imagintalk.data.splits import Split, split_of
from imagintalk.errors import DataError

PARTS = ("pretrain", "trainval", "test")


def read_transcript(path: Path) -> tuple[str, Words]:
    """Sentence and word times (empty without a table). Raises DataError when a line is not as published."""
    text: str | None = None
    words: list[tuple[float, float, str]] = []
    in_table = False
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if line.startswith("Text:"):
            text = plain(line.removeprefix("Text:"))
        elif parts[:3] == ["WORD", "START", "END"]:
            in_table = True
        elif in_table and parts:
            try:
                words.append((float(parts[1]), float(parts[2]), plain(parts[0])))
            except (IndexError, ValueError):
                raise DataError(f"{path}:{number}: expected `WORD START END` in seconds, got {line!r}") from None
    if text is None:
        raise DataError(f"{path}: expected a line that starts with `Text:`, found none")
    return text, tuple(words)


def read_lrs3(root: Path) -> list[Recording]:
    """All utterances of the parts that are there. Raises DataError when the layout is not the one above."""
    folder(root, f"an LRS3 folder with {', '.join(PARTS)}")
    clips = [clip for part in PARTS for clip in sorted((root / part).glob("*/*.mp4"))]
    if not clips:
        raise DataError(f"{root}: expected LRS3 videos such as trainval/<talk>/50001.mp4, found none")
    talks = sorted({clip.parent.name for clip in clips if clip.parts[-3] != "test"})
    held_out = {talk for index, talk in enumerate(talks) if split_of(index) == "validation"}
    recordings = []
    for clip in clips:
        talk, part = clip.parent.name, clip.parts[-3]
        split: Split = "test" if part == "test" else "validation" if talk in held_out else "train"
        text, words = read_transcript(clip.with_suffix(".txt"))
        recordings.append(
            Recording(
                stem=f"{talk}_{clip.stem}",
                path=clip,
                talker=talk,
                split=split,
                has_picture=True,
                words=words,
                text=text,
            )
        )
    return recordings
