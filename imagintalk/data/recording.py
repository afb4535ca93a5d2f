"""One recording of a corpus, as its reader finds it on disk; nothing is decoded yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from imagintalk.data.splits import Split
from imagintalk.errors import DataError
from imagintalk.types import Emotion

SOUND_SUFFIXES = frozenset({".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a", ".aac"})
PICTURE_SUFFIXES = frozenset({".mp4", ".mpg", ".mov", ".mkv", ".avi", ".webm"})

Words = tuple[tuple[float, float, str], ...]
"""(start, end, word): seconds from the start of the file, words in lower case, silences left out, in order."""


@dataclass(frozen=True)
class Recording:
    """A talker's one utterance."""

    stem: str
    """Unique within the talker; unique within the corpus for all but GRID, where talkers share sentences."""
    path: Path
    """The picture with its sound where there is one, otherwise the sound."""
    talker: str
    """As the corpus names them."""
    split: Split
    has_picture: bool
    words: Words = ()
    """Empty where the corpus has no word times."""
    text: str = ""
    """The sentence in lower case without punctuation; empty where the corpus does not tell."""
    emotion: Emotion | None = None
    intensity: float | None = None
    """0..1, 1 the strongest that the corpus asks for; None where there is no label."""
    sound_path: Path | None = None
    """Where the sound is when the corpus keeps it apart from the picture; None: in `path`."""

    @property
    def sound(self) -> Path:
        """The file to read the sound from."""
        return self.sound_path or self.path


def plain(text: str) -> str:
    """Lower case words and apostrophes, one space between."""
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)*'?", text.lower().replace("’", "'")))


def folder(path: Path, expected: str) -> Path:
    """`path` itself. Raises DataError saying what was `expected` there when it is not a folder."""
    if not path.is_dir():
        came = "a file" if path.exists() else "nothing"
        raise DataError(f"{path}: expected {expected}, found {came}")
    return path


def read_text(path: Path) -> str:
    """UTF-8 text of a label file. Raises DataError when it is missing or not text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a readable UTF-8 text file: {error}") from None
