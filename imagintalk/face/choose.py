"""Which of several faces is dubbed: the one that the caller names, or the one whose mouth moves most."""

from __future__ import annotations

import numpy as np

from imagintalk.errors import FaceError
from imagintalk.types import FaceTrack

_AS_GOOD = 0.8
"""Of faces that speak about as much (at least this share of the most), the largest is taken."""


def choose_face(tracks: list[FaceTrack], face: int | None) -> FaceTrack:
    """The track with index `face`, or for None the speaking one: most mouth motion for the time it is in the picture.

    Raises FaceError when there is no track, or none of that index (the message lists those that are there).
    """
    if not tracks:
        raise FaceError(
            "no face found in any frame; expected one that is lit and turned to the camera; try another range"
        )
    if face is not None:
        for track in tracks:
            if track.index == face:
                return track
        raise FaceError(f"no face {face} in the picture; found {describe_faces(tracks)}")
    scores = [speaking_score(track) for track in tracks]
    return next(track for track, score in zip(tracks, scores, strict=True) if score >= _AS_GOOD * max(scores))


def speaking_score(track: FaceTrack) -> float:
    """Mouth motion in face heights per second, times the share of the clip in which the face was found."""
    return track.mouth_motion * float(track.seen.mean())


def describe_faces(tracks: list[FaceTrack]) -> str:
    """The faces of a clip in words: index, place and size of each."""
    words = []
    for track in tracks:
        left, top, right, bottom = np.median(track.boxes[track.seen], axis=0) if track.seen.any() else track.boxes[0]
        words.append(
            f"{track.index} at x {(left + right) / 2:.0f} y {(top + bottom) / 2:.0f}, {bottom - top:.0f} px high"
        )
    return "face " + "; face ".join(words) if words else "no face"
