"""MEAD (Wang et al. 2020; non-commercial research), its front view.

    root/M003/video/front/angry/level_1/001.mp4
    root/M003/audio/angry/level_1/001.m4a

A take with both is one recording, picture from the one and sound from the other. Contempt is no emotion of ours and is
left out, with the count logged. Splits go by the sorted names. Our choice: intensity is the level / 3, and 1.0 for
neutral, which has one level only.
"""

from __future__ import annotations

import logging
from pathlib import Path

from imagintalk.data.recording import PICTURE_SUFFIXES, SOUND_SUFFIXES, Recording, folder
from imagintalk.data.splits import splits_of
from imagintalk.errors import DataError
from imagintalk.types import Emotion

EMOTIONS = {
    "neutral": Emotion.NEUTRAL,
    "happy": Emotion.HAPPY,
    "sad": Emotion.SAD,
    "angry": Emotion.ANGRY,
    "fear": Emotion.FEARFUL,
    "disgusted": Emotion.DISGUST,
    "surprised": Emotion.SURPRISED,
}
LEFT_OUT = "contempt"
LEVELS = {"level_1": 1, "level_2": 2, "level_3": 3}

_log = logging.getLogger(__name__)

_Take = tuple[str, str, str, str]
"""Talker, emotion, level, number, as the folders name them."""


def _files(root: Path, kind: str, suffixes: frozenset[str]) -> dict[_Take, Path]:
    """Files under */`kind`/<emotion>/<level>/ by take."""
    found: dict[_Take, Path] = {}
    for path in sorted(root.glob(f"*/{kind}/*/*/*")):
        if path.suffix.lower() not in suffixes:
            continue
        talker, emotion, level = path.relative_to(root).parts[0], path.parts[-3], path.parts[-2]
        if emotion != LEFT_OUT and emotion not in EMOTIONS:
            raise DataError(f"{path}: expected an emotion of MEAD ({', '.join(EMOTIONS)}, {LEFT_OUT}), got {emotion!r}")
        if level not in LEVELS:
            raise DataError(f"{path}: expected one of {', '.join(LEVELS)}, got {level!r}")
        found[talker, emotion, level, path.stem] = path
    return found


def _stem(take: _Take) -> str:
    talker, emotion, level, number = take
    return f"{talker}_{emotion[:3]}_{LEVELS[level]}_{number}"


def read_mead(root: Path) -> list[Recording]:
    """All takes but contempt, sorted by name. Raises DataError when the layout is not the one above."""
    folder(root, "a MEAD folder with one folder per talker (M003, W009, ...)")
    videos = _files(root, "video/front", PICTURE_SUFFIXES)
    sounds = _files(root, "audio", SOUND_SUFFIXES)
    takes = {_stem(take): take for take in videos.keys() | sounds.keys() if take[1] != LEFT_OUT}
    skipped = sum(take[1] == LEFT_OUT for take in videos.keys() | sounds.keys())
    if skipped:
        _log.warning("%s: left out %d takes of contempt, which is no emotion of this program", root, skipped)
    if not takes:
        raise DataError(f"{root}: expected MEAD files such as M003/video/front/angry/level_1/001.mp4, found none")
    recordings = []
    for stem, split in splits_of(takes, root).items():
        take = takes[stem]
        emotion = EMOTIONS[take[1]]
        recordings.append(
            Recording(
                stem=stem,
                path=videos[take] if take in videos else sounds[take],
                talker=take[0],
                split=split,
                has_picture=take in videos,
                emotion=emotion,
                intensity=1.0 if emotion is Emotion.NEUTRAL else LEVELS[take[2]] / len(LEVELS),
                sound_path=sounds.get(take) if take in videos else None,
            )
        )
    return recordings
