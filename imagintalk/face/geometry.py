"""Where the parts of a face are among the 478 landmarks, and how a face is turned and scaled onto a mean one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imagintalk.rates import VIDEO_FPS

# Indices into MediaPipe's face mesh. "Left" and "right" are the picture's.
EYE_CORNERS = (33, 133, 362, 263)
NOSE_BRIDGE, NOSE_BASE = 168, 2
MOUTH_LEFT, MOUTH_RIGHT = 61, 291
LIP_ABOVE, LIP_BELOW = 13, 14
FOREHEAD, CHIN = 10, 152
CHEEK_LEFT, CHEEK_RIGHT = 234, 454

MEAN_FACE: NDArray[np.float64] = np.array(
    [[-0.5, 0.0], [-0.193, 0.021], [0.193, 0.021], [0.5, 0.0], [0.0, -0.02], [0.0, 0.555], [0.0, 0.825]]
)
"""(7, 2) the points of `anchor_points` on a mean face, in units of the distance between the outer corners of the eyes,
from the middle between them; y down. Averaged here over the nearly frontal faces of 20 recordings."""

MEAN_MOUTH_WIDTH = 0.554
"""Mouth width at rest in the same unit."""


def anchor_points(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 7, 2) points that hardly move with speech: corners of the eyes, ends of the nose, middle of the mouth."""
    eyes_and_nose = landmarks[:, (*EYE_CORNERS, NOSE_BRIDGE, NOSE_BASE), :2].astype(np.float64)
    return np.concatenate([eyes_and_nose, mouth_centres(landmarks)[:, None]], axis=1)


def mouth_centres(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 2) middle between the corners of the mouth, which the jaw moves less than the lips."""
    return (landmarks[:, MOUTH_LEFT, :2].astype(np.float64) + landmarks[:, MOUTH_RIGHT, :2]) / 2


def mouth_widths(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T,) distance between the corners of the mouth, pixels."""
    return np.linalg.norm(landmarks[:, MOUTH_LEFT, :2] - landmarks[:, MOUTH_RIGHT, :2], axis=-1).astype(np.float64)


def face_heights(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T,) distance from the top of the forehead to the chin, pixels."""
    return np.linalg.norm(landmarks[:, FOREHEAD, :2] - landmarks[:, CHIN, :2], axis=-1).astype(np.float64)


def mouth_openings(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T,) gap between the lips in units of the face height."""
    gap = np.linalg.norm(landmarks[:, LIP_ABOVE, :2] - landmarks[:, LIP_BELOW, :2], axis=-1)
    return gap / np.maximum(face_heights(landmarks), 1e-6)


def yaw_degrees(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """(T,) turn of the head in degrees from landmarks (T, 478, 3): 0 frontal, positive to the picture's right.

    The line between the cheeks, whose depth the mesh gives in the scale of x.
    """
    across = landmarks[:, CHEEK_RIGHT] - landmarks[:, CHEEK_LEFT]
    return np.degrees(np.arctan2(across[:, 2], np.linalg.norm(across[:, :2], axis=-1))).astype(np.float32)


def fit_similarity(points: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 2, 3) rotation, scale and shift that bring each `points` (T, K, 2) nearest to `target` (K, 2).

    Least squares in closed form: the plane is read as complex numbers, so that w = a z + b.
    """
    z = points[..., 0] + 1j * points[..., 1]
    w = target[..., 0] + 1j * target[..., 1]
    z_mean, w_mean = z.mean(axis=-1, keepdims=True), w.mean()
    centred = z - z_mean
    spread = np.maximum((np.abs(centred) ** 2).sum(axis=-1), 1e-9)
    a = (np.conj(centred) * (w - w_mean)).sum(axis=-1) / spread
    b = w_mean - a * z_mean[..., 0]
    top = np.stack([a.real, -a.imag, b.real], axis=-1)
    return np.stack([top, np.stack([a.imag, a.real, b.imag], axis=-1)], axis=-2)


def apply(matrices: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Transform points (T, 2) by matrices (T, 2, 3)."""
    return np.einsum("tij,tj->ti", matrices[..., :2], points) + matrices[..., 2]


def jump_frames(landmarks: NDArray[np.floating]) -> NDArray[np.int64]:
    """Frames at which the face is suddenly elsewhere or of another size: a cut, never smoothed across."""
    centres = landmarks[..., :2].mean(axis=1)
    heights = np.maximum(face_heights(landmarks), 1e-6)
    moved = np.linalg.norm(np.diff(centres, axis=0), axis=-1) > 0.3 * np.minimum(heights[1:], heights[:-1])
    grown = np.abs(np.diff(np.log(heights))) > 0.3
    return np.flatnonzero(moved | grown) + 1


def smooth(values: NDArray[np.floating], jumps: NDArray[np.int64], seconds: float) -> NDArray[np.float64]:
    """Smooth (T, ...) values at 25 fps along time with a Hann window of `seconds`, never across `jumps`."""
    half = max(round(seconds * VIDEO_FPS / 2), 1)
    window = np.hanning(2 * half + 3)[1:-1]
    window /= window.sum()
    smoothed = np.empty(values.shape, np.float64)
    edges = [0, *jumps.tolist(), len(values)]
    for begin, end in pairwise(edges):
        part = values[begin:end]
        padded = np.concatenate([np.repeat(part[:1], half, 0), part, np.repeat(part[-1:], half, 0)])
        smoothed[begin:end] = sum(weight * padded[i : i + len(part)] for i, weight in enumerate(window))
    return smoothed
