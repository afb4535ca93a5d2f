"""What training reads: each recording decoded once, in parts, beside an index.

cache/<corpus>/index.json          one entry per recording
cache/<corpus>/<name>.<part>.npz   sound, voice, picture
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagintalk.data.levels import gain_of
from imagintalk.data.recording import Recording, Words
from imagintalk.data.splits import Split
from imagintalk.errors import DataError
from imagintalk.media.files import whole_file
from imagintalk.types import Emotion

Arrays = dict[str, NDArray[Any]]
RESTYLED = "restyled"
"""The corpus that is made of others (`data/restyled.py`); only the score network is trained on it."""


@dataclass(frozen=True)
class Example:
    """One prepared recording; its arrays are read when asked for and then kept."""

    corpus: str
    name: str
    talker: str
    split: Split
    has_picture: bool
    words: Words
    text: str
    emotion: Emotion | None
    intensity: float | None
    folder: Path
    source: Path
    content_of: tuple[str, str] | None = None
    """Corpus and name of the recording whose content tokens count, where it is said in another manner."""

    def part(self, part: str) -> Arrays:
        """All arrays of one part. Raises DataError when it was not prepared."""
        path = self.folder / f"{self.name}.{part}.npz"
        try:
            with np.load(path) as arrays:
                return dict(arrays)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: expected a prepared part, run `imagintalk prepare` again: {error}") from None

    @cached_property
    def sound(self) -> Arrays:
        """samples (N,) int16 24 kHz, N a multiple of 480; pitch (N / 240,) float32 Hz, 0 where unvoiced."""
        return self.part("sound")

    @cached_property
    def voice(self) -> Arrays:
        """ge2e (256,) float32, unit length."""
        return self.part("voice")

    @cached_property
    def picture(self) -> Arrays:
        """mouth (T, 96, 96) uint8 at 25 fps; identity (width,) float32; expression (E, 8) float32."""
        return self.part("picture")

    @property
    def samples(self) -> NDArray[np.float32]:
        """(N,) float32 at 24 kHz, at the level that all corpora share: loud takes of a quiet one may leave [-1, 1]."""
        return self.sound["samples"].astype(np.float32) * np.float32(gain_of(self.corpus) / 32768)


def name_of(recording: Recording) -> str:
    """File name of a recording in the cache, unique within its corpus."""
    return f"{recording.talker}_{recording.stem}"


def write_part(path: Path, arrays: Arrays) -> None:
    """Write all arrays of one part, whole or not at all. Raises OutputError."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with whole_file(path) as partial:
        partial.write_bytes(buffer.getvalue())


def write_index(folder: Path, corpus: str, recordings: Iterable[Recording]) -> None:
    """List the recordings that were prepared whole."""
    write_examples(
        folder,
        corpus,
        [
            Example(
                corpus=corpus,
                name=name_of(r),
                talker=r.talker,
                split=r.split,
                has_picture=r.has_picture,
                words=r.words,
                text=r.text,
                emotion=r.emotion,
                intensity=r.intensity,
                folder=folder,
                source=r.path.resolve(),
            )
            for r in recordings
        ],
    )


def write_examples(folder: Path, corpus: str, examples: Iterable[Example]) -> None:
    """Write the index of a corpus."""
    left_out = {"corpus", "folder"}
    entries = [
        {f.name: getattr(e, f.name) for f in fields(e) if f.name not in left_out} | {"source": str(e.source)}
        for e in examples
    ]
    (folder / "index.json").write_text(json.dumps({"corpus": corpus, "recordings": entries}, indent=1))


def read_cache(root: Path, corpora: Iterable[str] | None = None) -> list[Example]:
    """Every prepared recording under `root`, or of some corpora. Raises DataError when there is none."""
    wanted = None if corpora is None else set(corpora)
    examples = []
    for index in sorted(root.glob("*/index.json")):
        content = json.loads(index.read_text())
        if wanted is not None and content["corpus"] not in wanted:
            continue
        for entry in content["recordings"]:
            entry["words"] = tuple((float(a), float(b), str(w)) for a, b, w in entry["words"])
            entry["emotion"] = None if entry["emotion"] is None else Emotion(entry["emotion"])
            entry["source"] = Path(entry["source"])
            if entry.get("content_of"):
                entry["content_of"] = tuple(entry["content_of"])
            examples.append(Example(corpus=content["corpus"], folder=index.parent, **entry))
    if not examples:
        what = "any corpus" if wanted is None else " or ".join(sorted(wanted))
        raise DataError(f"{root}: expected prepared recordings of {what}, found none; run `imagintalk prepare` first")
    return examples


def of_split(examples: Iterable[Example], split: Split) -> list[Example]:
    """The examples of one split, in order."""
    return [e for e in examples if e.split == split]
