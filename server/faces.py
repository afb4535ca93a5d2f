"""Who is in the picture, so that an editor can choose: a backend without a model."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from imagintalk.errors import ImaginTalkError
from imagintalk.face.choose import speaking_score
from imagintalk.face.roi import cut_face, face_matrices
from imagintalk.face.track import track_faces
from imagintalk.media.probe import probe
from imagintalk.media.times import clip_duration, frame_count, seconds
from imagintalk.media.video import read_frames
from imagintalk.types import Clip, FaceTrack

from .protocol import Face

MOST_S = 10
"""Seconds of a clip that are searched: enough to see who speaks, soon enough to wait for."""

_JPEG_QUALITY = 85


class FaceReader:
    """Finds the faces of a clip."""

    device = "cpu"

    def faces(self, path: Path, start_s: float, end_s: float | None) -> tuple[Face, ...]:
        """Those of the first ten seconds of the range, the largest first. Raises ClipError."""
        info = probe(path)
        duration = clip_duration(Clip(path, start_s, end_s), info)
        clip = Clip(path, start_s, float(seconds(start_s) + min(duration, Fraction(MOST_S))))
        count = frame_count(clip_duration(clip, info))
        tracks = track_faces(read_frames(clip, info), count)
        shown = {track.index: int(np.flatnonzero(track.seen)[0]) if track.seen.any() else 0 for track in tracks}
        thumbnails: dict[int, bytes] = {}
        for number, picture in enumerate(read_frames(clip, info)):
            for track in tracks:
                if shown[track.index] == number:
                    thumbnails[track.index] = _jpeg(cut_face(picture, face_matrices(track)[number]))
            if len(thumbnails) == len(tracks):
                break
        return tuple(_face(track, thumbnails[track.index]) for track in tracks)


def _face(track: FaceTrack, thumbnail: bytes) -> Face:
    box = np.median(track.boxes[track.seen] if track.seen.any() else track.boxes, axis=0)
    left, top, right, bottom = (float(edge) for edge in box)
    return Face(track.index, left, top, right, bottom, speaking_score(track), thumbnail)


def _jpeg(picture: np.ndarray) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    if not done:
        raise ImaginTalkError("a thumbnail cannot be made")
    return bytes(data)
