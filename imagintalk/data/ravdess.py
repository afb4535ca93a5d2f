"""RAVDESS speech (Livingstone & Russo 2018; CC BY-NC-SA 4.0).

    root/Actor_01/03-01-05-02-01-01-01.wav    as published, or all files in one folder

The name is modality-channel-emotion-intensity-statement-repetition-actor. Modality 01 is picture with sound, 02 picture
only, 03 sound only. A take is one recording whatever files show it: 01 if there, else 02 with the sound of 03, else 03;
a 02 without sound is left out. Song (channel 02) is left out.

Splits go by the sorted takes, so that picture and sound of a take never part. Our choices: actors 23 and 24 are
`unseen` wherever the rule says train or validation; intensity is 0.5 normal, 1.0 strong, and 1.0 for neutral, which has
no strong form and is all of itself.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from imagintalk.data.recording import PICTURE_SUFFIXES, SOUND_SUFFIXES, Recording, folder
from imagintalk.data.splits import Split, splits_of
from imagintalk.errors import DataError
from imagintalk.types import Emotion

UNSEEN_TALKERS = frozenset({"Actor_23", "Actor_24"})
"""In no training split: their voices are new to the model."""
STATEMENTS = {"01": "kids are talking by the door", "02": "dogs are sitting by the door"}
INTENSITIES = {"01": 0.5, "02": 1.0}

_NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_BOTH, _PICTURE, _SOUND = "01", "02", "03"

_log = logging.getLogger(__name__)


def _takes(root: Path) -> dict[str, dict[str, Path]]:
    """Files of each take (name without its modality) by modality."""
    takes: dict[str, dict[str, Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in SOUND_SUFFIXES | PICTURE_SUFFIXES:
            continue
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise DataError(f"{path}: expected a RAVDESS name such as 03-01-05-02-01-01-12")
        modality, channel = match.group(1), match.group(2)
        if (modality == _SOUND) == (path.suffix.lower() in PICTURE_SUFFIXES):
            kind = "sound" if modality == _SOUND else "video"
            raise DataError(f"{path}: expected a {kind} file, as the modality {modality} in its name says")
        if channel != "01":
            continue
        files = takes.setdefault(path.stem[3:], {})
        if modality in files:
            raise DataError(f"{root}: expected one file per name, found {files[modality]} and {path}; remove one")
        files[modality] = path
    return takes


def _recording(take: str, path: Path, sound: Path | None, split: Split) -> Recording:
    _, emotion_code, intensity, statement, _, actor = take.split("-")
    talker = f"Actor_{actor}"
    emotion = Emotion(int(emotion_code) - 1)
    return Recording(
        stem=path.stem,
        path=path,
        talker=talker,
        split="unseen" if talker in UNSEEN_TALKERS and split != "test" else split,
        has_picture=path.suffix.lower() in PICTURE_SUFFIXES,
        text=STATEMENTS[statement],
        emotion=emotion,
        intensity=1.0 if emotion is Emotion.NEUTRAL else INTENSITIES[intensity],
        sound_path=sound,
    )


def read_ravdess(root: Path) -> list[Recording]:
    """All spoken takes, sorted by name. Raises DataError when the layout is not the one above."""
    folder(root, "a RAVDESS folder with Actor_01 ... Actor_24, or all its files")
    takes = _takes(root)
    silent = sorted(take for take, files in takes.items() if files.keys() == {_PICTURE})
    if silent:
        _log.warning("%s: left out %d videos without sound (modality 02 without 03)", root, len(silent))
    splits = splits_of((take for take in takes if take not in silent), root)
    if not splits:
        raise DataError(f"{root}: expected RAVDESS speech such as Actor_01/03-01-01-01-01-01-01.wav, found none")
    recordings = []
    for take, split in splits.items():
        files = takes[take]
        path = files.get(_BOTH) or files.get(_PICTURE) or files[_SOUND]
        sound = files[_SOUND] if path == files.get(_PICTURE) else None
        recordings.append(_recording(take, path, sound, split))
    return recordings
