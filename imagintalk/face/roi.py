"""Crops of one face at a fixed size and angle: the mouth for the lips' reader, the face for identity and expression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.face.geometry import (
    MEAN_FACE,
    MEAN_MOUTH_WIDTH,
    anchor_points,
    apply,
    fit_similarity,
    jump_frames,
    mouth_centres,
    smooth,
)
from imagintalk.types import FaceTrack

MOUTH_SIDE = 96
FACE_SIDE = 160

_MOUTH_SHARE = 0.54
"""Share of the mouth crop's width that a mean mouth at rest fills: 52 of 96 pixels."""

FACE_SCALE = 64.0
"""Pixels of the face crop between the outer corners of the eyes: shows forehead, chin and some margin."""

FACE_EYES_Y = 62.0
"""Height in the face crop, from its top, of the line between the eyes; horizontally they lie in the middle."""

_SMOOTHING_S = 0.36
"""Window of the temporal smoothing: stills the landmarks' jitter, follows the head's movement."""


def mouth_matrices(track: FaceTrack) -> NDArray[np.float64]:
    """(T, 2, 3) from the picture to a 96 x 96 crop: rotation and scale from eyes, nose and mouth, centre the mouth."""
    jumps = jump_frames(track.landmarks)
    scale = MOUTH_SIDE * _MOUTH_SHARE / MEAN_MOUTH_WIDTH
    matrices = fit_similarity(smooth(anchor_points(track.landmarks), jumps, _SMOOTHING_S), MEAN_FACE * scale)
    centres = apply(matrices, smooth(mouth_centres(track.landmarks), jumps, _SMOOTHING_S))
    matrices[..., 2] += (MOUTH_SIDE - 1) / 2 - centres
    return matrices


def face_matrices(track: FaceTrack) -> NDArray[np.float64]:
    """(T, 2, 3) from the picture to a 160 x 160 crop whose eyes lie at fixed places (`FACE_SCALE`, `FACE_EYES_Y`)."""
    target = MEAN_FACE * FACE_SCALE + np.array([(FACE_SIDE - 1) / 2, FACE_EYES_Y])
    points = smooth(anchor_points(track.landmarks), jump_frames(track.landmarks), _SMOOTHING_S)
    return fit_similarity(points, target)


def cut_mouth(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(96, 96) gray mouth crop of an RGB picture."""
    return cv2.cvtColor(_warp(picture, matrix, MOUTH_SIDE), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def cut_face(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(160, 160, 3) face crop of an RGB picture."""
    return _warp(picture, matrix, FACE_SIDE)


def _warp(picture: NDArray[np.uint8], matrix: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    """Sample a square through an affine map; beyond the picture its edge goes on.

    Where the face is much larger than the crop the picture is averaged down first, or fine detail would flicker.
    """
    factor = int(1 / max(np.hypot(matrix[0, 0], matrix[1, 0]), 1e-3))
    if factor >= 2:
        corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64)
        inverse = cv2.invertAffineTransform(matrix)
        around = corners @ inverse[:, :2].T + inverse[:, 2]
        height, width = picture.shape[:2]
        left, top = np.floor(around.min(axis=0) - factor).astype(int).clip(0, (max(width - 2, 0), max(height - 2, 0)))
        right, bottom = np.ceil(around.max(axis=0) + factor).astype(int).clip((left + 1, top + 1), (width, height))
        part = picture[top:bottom, left:right]
        size = (max((right - left) // factor, 1), max((bottom - top) // factor, 1))
        grow = np.array([(right - left) / size[0], (bottom - top) / size[1]])
        picture = cv2.resize(part, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        # A pixel of the smaller picture covers `grow` pixels of the larger one; centres lie at half pixels.
        shift = matrix[:, :2] @ (np.array([left, top]) + (grow - 1) / 2) + matrix[:, 2]
        matrix = np.concatenate([matrix[:, :2] * grow, shift[:, None]], axis=1)
    return cv2.warpAffine(  # type: ignore[return-value]
        picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
