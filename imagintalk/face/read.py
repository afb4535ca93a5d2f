"""From a clip to the crops that the model reads, and what to tell the user about them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import FaceError
from imagintalk.face.choose import choose_face
from imagintalk.face.expression import ExpressionBackend
from imagintalk.face.geometry import mouth_widths
from imagintalk.face.roi import FACE_SIDE, MOUTH_SIDE, cut_face, cut_mouth, face_matrices, mouth_matrices
from imagintalk.face.track import STRIDE, track_faces
from imagintalk.media.times import clip_duration, frame_count
from imagintalk.media.video import read_frames
from imagintalk.types import Clip, Emotion, FaceCrops, FaceTrack, MediaInfo, Notify, Progress

STAGE = "reading the face"

_TRACKING_SHARE = 0.8
"""Share of this stage's time that goes into finding the faces, for the progress report."""


BRIDGED_SHARE = 0.1
"""Warn when the face was not found in more than this share of the frames."""

SIDE_YAW = 35.0
"""Degrees from which a face counts as seen from the side."""
SIDE_SHARE = 0.3

SMALLEST_MOUTH_PX = 20.0
"""Median mouth width in the source below which its shapes can hardly be told apart."""

COVERED_LIKENESS = 0.3
COVERED_SHARE = 0.08
"""A mouth that resembles its own median less than this (correlation), in more than this share of the frames, may be
covered. Measured on 15 clips: open and uncovered mouths stay above, save for heads that turn; a painted hand falls
below in most, a small dark object does not."""


def read_face(
    clip: Clip,
    info: MediaInfo,
    face: int | None = None,
    identity_frames: int = 8,
    expression: ExpressionBackend | None = None,
    notify: Notify | None = None,
) -> FaceCrops:
    """Follow the faces of a clip, choose one, and cut what the model sees of it.

    `face` names one by its index (0 the largest), None takes the speaking one. The clip is decoded twice, first to
    find, then to cut, so that memory does not grow with its size. Without `expression` the crops hold no reading.
    Raises FaceError (no face, or not that one) and ClipError.
    """
    duration = clip_duration(clip, info)
    count = frame_count(duration)

    def report(fraction: float) -> None:
        if notify is not None:
            notify(Progress(STAGE, fraction))

    tracks = track_faces(read_frames(clip, info), count, lambda share: report(share * _TRACKING_SHARE))
    try:
        track = choose_face(tracks, face)
    except FaceError as error:
        raise FaceError(f"{clip.path}: {error}") from None
    face_frames = _frames_for_identity(track, identity_frames)
    read_at = np.arange(0, count, STRIDE) if expression is not None else np.arange(0)
    to_mouth, to_face = mouth_matrices(track), face_matrices(track)
    mouth = np.empty((count, MOUTH_SIDE, MOUTH_SIDE), np.uint8)
    faces = np.empty((len(face_frames), FACE_SIDE, FACE_SIDE, 3), np.uint8)
    readings = np.empty((len(read_at), len(Emotion)), np.float32)
    slots = {int(frame): slot for slot, frame in enumerate(face_frames)}
    for index, picture in enumerate(read_frames(clip, info)):
        mouth[index] = cut_mouth(picture, to_mouth[index])
        if index in slots:
            faces[slots[index]] = cut_face(picture, to_face[index])
        if expression is not None and index % STRIDE == 0:
            readings[index // STRIDE] = expression.read(cut_face(picture, to_face[index]))
            report(_TRACKING_SHARE + (1 - _TRACKING_SHARE) * (index + 1) / count)
    report(1.0)
    return FaceCrops(
        mouth=mouth,
        face=faces,
        face_frames=face_frames,
        expression=readings,
        expression_frames=read_at,
        duration_s=duration,
        track=track,
        mouth_width_px=float(np.median(mouth_widths(track.landmarks))),
    )


def face_warnings(crops: FaceCrops) -> tuple[str, ...]:
    """One sentence for each thing about the chosen face that makes its lips hard to read; empty when there is none."""
    track = crops.track
    warnings = []
    bridged = 1 - float(track.seen.mean())
    if bridged > BRIDGED_SHARE:
        warnings.append(f"the face was not found in {bridged:.0%} of the frames; its lips there are guessed")
    side = float((np.abs(track.yaw) > SIDE_YAW).mean())
    if side > SIDE_SHARE:
        warnings.append(f"the face is seen from the side in {side:.0%} of the frames; the lips are read less surely")
    if crops.mouth_width_px < SMALLEST_MOUTH_PX:
        warnings.append(
            f"the mouth is far too small: {crops.mouth_width_px:.0f} pixels wide,"
            f" at least {SMALLEST_MOUTH_PX:.0f} are needed"
        )
    covered = float((_likeness(crops.mouth[track.seen]) < COVERED_LIKENESS).mean())
    if covered > COVERED_SHARE:
        warnings.append(f"the mouth looks covered or turned away in {covered:.0%} of the frames")
    return tuple(warnings)


def _frames_for_identity(track: FaceTrack, wanted: int) -> NDArray[np.int64]:
    """Up to `wanted` frames spread over those in which the face was found, of each stretch the most frontal one."""
    seen = np.flatnonzero(track.seen)
    stretches = np.array_split(seen, max(min(wanted, len(seen)), 1))
    return np.array([s[np.abs(track.yaw[s]).argmin()] for s in stretches if len(s)], np.int64)


def _likeness(mouth: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(T,) correlation of each mouth crop (T, 96, 96) with the median one, coarsely: of 24 x 24 averages."""
    coarse = np.stack([cv2.resize(crop, (24, 24), interpolation=cv2.INTER_AREA) for crop in mouth]).astype(np.float64)
    coarse = coarse.reshape(len(mouth), -1)
    median = np.median(coarse, axis=0)
    median -= median.mean()
    coarse -= coarse.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(coarse, axis=1) * np.linalg.norm(median)
    return coarse @ median / np.maximum(scale, 1e-6)
