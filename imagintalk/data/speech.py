"""Any folder of speech recordings, read recursively.

The talker is what a Kaldi-style list in the folder says (`utt2spk`, `train_utt2spk`, ...: utterance, talker), as
speechocean762 has them; for a file in no list, the folder that it lies in. Sentences come from `text` lists alike.
Splits go by the sorted paths (our choice, also where lists are called train and test: those halves serve another task).
"""

from __future__ import annotations

from pathlib import Path

from imagintalk.data.recording import SOUND_SUFFIXES, Recording, folder, plain, read_text
from imagintalk.data.splits import splits_of
from imagintalk.errors import DataError


def _lists(root: Path, name: str) -> dict[str, str]:
    """Utterance → value of all lists called `name` or <part>_`name` under `root`."""
    values: dict[str, str] = {}
    for path in sorted(p for p in root.rglob(f"*{name}") if p.name == name or p.name.endswith(f"_{name}")):
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not line.strip():
                continue
            parts = line.split(maxsplit=1)
            if len(parts) != 2:
                raise DataError(f"{path}:{number}: expected an utterance and its value, got {line!r}")
            values[parts[0]] = parts[1].strip()
    return values


def read_speech(root: Path) -> list[Recording]:
    """All sound files under `root`, sorted. Raises DataError when there are none or a list is malformed."""
    folder(root, "a folder of sound files")
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in SOUND_SUFFIXES)
    if not paths:
        raise DataError(f"{root}: expected sound files ({', '.join(sorted(SOUND_SUFFIXES))}), found none")
    stems = ["_".join(path.relative_to(root).with_suffix("").parts) for path in paths]
    splits = splits_of(stems, root)
    files = dict(zip(stems, paths, strict=True))
    talkers, texts = _lists(root, "utt2spk"), _lists(root, "text")
    return [
        Recording(
            stem=stem,
            path=files[stem],
            talker=talkers.get(files[stem].stem, files[stem].parent.name),
            split=split,
            has_picture=False,
            text=plain(texts.get(files[stem].stem, "")),
        )
        for stem, split in splits.items()
    ]
