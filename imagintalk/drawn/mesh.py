"""The canonical face of MediaPipe (Apache-2.0, `canonical_face.npz`) and how it moves: jaw, lips, lids.

468 points in cm, x to the picture's right, y up, z towards the camera, numbered as FaceMesh numbers its landmarks.
The mesh is MediaPipe's; the movements are ours.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagintalk.drawn.mouth import PARAMETERS

Array = NDArray[np.float64]

# Lip points by ring, from the outer edge to the inner, each from the picture's left to its right.
UPPER_RINGS = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
LOWER_RINGS = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
CORNERS = ((61, 291), (76, 306), (62, 292), (78, 308))

RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
_UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
_LOWER_LIDS = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)
_LID_FOLDS = (247, 30, 29, 27, 28, 56, 190, 467, 260, 259, 257, 258, 286, 414)

_CHIN = {152: 1.0, 148: 1.0, 377: 1.0, 176: 1.0, 400: 1.0, 149: 0.95, 378: 0.95, 150: 0.85, 379: 0.85, 136: 0.65,
         365: 0.65, 172: 0.45, 397: 0.45, 58: 0.28, 288: 0.28, 132: 0.1, 361: 0.1}  # fmt: skip
_HINGE_Y, _HINGE_Z = 0.5, -2.0
_WIDEST_JAW_RAD = np.deg2rad(12.0)
_FOLLOW = (0.35, 0.6, 0.85, 1.0)
"""How far each ring, from the outer, follows the inner edge when the lips are brought together."""


class Mesh:
    """Points at rest with shut lips, triangles without those that would fill mouth and eyes, and the movements."""

    def __init__(self) -> None:
        with np.load(Path(__file__).with_name("canonical_face.npz")) as stored:
            points = stored["vertices"].astype(np.float64)
            self.uv: NDArray[np.float32] = stored["uv"]
            triangles = stored["triangles"].astype(np.int64)
        self.lips = np.array([i for rings in (UPPER_RINGS, LOWER_RINGS, CORNERS) for ring in rings for i in ring])
        inner = {*UPPER_RINGS[3], *LOWER_RINGS[3], *CORNERS[3]}
        holes = (inner, set(RIGHT_EYE), set(LEFT_EYE))
        keep = [not any(set(t) <= hole for hole in holes) for t in triangles.tolist()]
        self.triangles = triangles[keep]
        mouthless = triangles[[not set(t) <= inner for t in triangles.tolist()]]
        still = np.flatnonzero((points[:, 1] > -1.2) | (np.abs(points[:, 0]) > 7.2))
        self._spread = _harmonic(mouthless, len(points), np.concatenate([self.lips, still]))[:, : len(self.lips)]
        self._jaw = self._jaw_weights(points, mouthless, still)
        self._fields = _lip_fields(points)
        points[list(_UPPER_LIDS), 1] += 0.10
        self.rest = self._bring_together(points, 1.0)

    def shape(self, mouth: NDArray[np.float32], blink: float) -> Array:
        """(468, 3) points for one row of `mouth_track` and lids that are shut by `blink`, 0..1."""
        value = dict(zip(PARAMETERS, mouth.astype(np.float64), strict=True))
        points = self.rest.copy()
        angle = self._jaw * (value["jaw"] * _WIDEST_JAW_RAD)
        y, z = points[:, 1] - _HINGE_Y, points[:, 2] - _HINGE_Z
        points[:, 1] = _HINGE_Y + y * np.cos(angle) - z * np.sin(angle)
        points[:, 2] = _HINGE_Z + y * np.sin(angle) + z * np.cos(angle)
        move = sum(value[name] * field for name, field in self._fields.items())
        points = points + self._spread @ move
        points = self._bring_together(points, value["close"])
        if blink > 0:
            drop = blink * 0.95 * (points[list(_LOWER_LIDS)] - points[list(_UPPER_LIDS)])
            points[list(_UPPER_LIDS)] += drop
            points[list(_LID_FOLDS)] += 0.4 * drop
        return points

    def jaw_points(self, points: Array, amount: float) -> Array:
        """Points fixed to the jaw bone, such as the lower teeth, (N, 3), when the jaw is lowered by `amount`."""
        angle = amount * _WIDEST_JAW_RAD
        y, z = points[:, 1] - _HINGE_Y, points[:, 2] - _HINGE_Z
        turned = points.copy()
        turned[:, 1] = _HINGE_Y + y * np.cos(angle) - z * np.sin(angle)
        turned[:, 2] = _HINGE_Z + y * np.sin(angle) + z * np.cos(angle)
        return turned

    def _bring_together(self, points: Array, amount: float) -> Array:
        if amount <= 0:
            return points
        gap = points[list(UPPER_RINGS[3])] - points[list(LOWER_RINGS[3])]
        gap[:, 0] = 0
        gap[:, 1] = np.maximum(gap[:, 1], 0)
        move = np.zeros((len(self.lips), 3))
        half = 9 * 4
        for ring, follow in enumerate(_FOLLOW):
            move[ring * 9 : ring * 9 + 9] = -0.4 * amount * follow * gap
            move[half + ring * 9 : half + ring * 9 + 9] = 0.6 * amount * follow * gap
        return points + self._spread @ move

    def _jaw_weights(self, points: Array, triangles: NDArray[np.int64], still: NDArray[np.int64]) -> Array:
        fixed = {int(i): 0.0 for i in still} | _CHIN
        for ring in range(4):
            for side, corner in enumerate(CORNERS[ring]):
                fixed[corner] = 0.42
                for column in range(4):
                    at = column if side == 0 else 8 - column
                    fixed[UPPER_RINGS[ring][at]] = (0.22, 0.08, 0.02, 0.0)[column]
                    fixed[LOWER_RINGS[ring][at]] = (0.72, 0.9, 0.98, 1.0)[column]
            fixed[UPPER_RINGS[ring][4]], fixed[LOWER_RINGS[ring][4]] = 0.0, 1.0
        index = np.array(list(fixed))
        return _harmonic(triangles, len(points), index) @ np.array(list(fixed.values()))


def _harmonic(triangles: NDArray[np.int64], count: int, fixed: NDArray[np.int64]) -> Array:
    """(count, len(fixed)): what each point takes from the fixed ones when the rest relaxes over the mesh."""
    laplacian = np.zeros((count, count))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        laplacian[triangles[:, a], triangles[:, b]] = laplacian[triangles[:, b], triangles[:, a]] = -1.0
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))
    free = np.setdiff1d(np.arange(count), fixed)
    result = np.zeros((count, len(fixed)))
    result[fixed, np.arange(len(fixed))] = 1.0
    result[free] = np.linalg.solve(laplacian[np.ix_(free, free)], -laplacian[np.ix_(free, fixed)])
    return result


def _lip_fields(points: Array) -> dict[str, Array]:
    """(80, 3) movement in cm of each lip point, in the order of `Mesh.lips`, per parameter at 1."""
    half_width = points[291, 0]
    sides = ((1, UPPER_RINGS), (-1, LOWER_RINGS))
    order = [(i, r, s) for s, rings in sides for r, ring in enumerate(rings) for i in ring]
    order += [(i, r, 0) for r, ring in enumerate(CORNERS) for i in ring]
    index = np.array([i for i, _, _ in order])
    inward = np.array([r / 3 for _, r, _ in order])
    side = np.array([float(s) for _, _, s in order])
    c = points[index, 0] / half_width
    middle = 1 - c**2
    upper, lower, zero = (side == 1).astype(float), (side == -1).astype(float), np.zeros(len(index))

    def field(x: Array, y: Array, z: Array) -> Array:
        return np.stack([x, y, z], axis=1)

    return {
        "wide": field(0.5 * c, -0.10 * side * middle * (1 - inward) + 0.06 * c**2, -0.4 * c**2),
        "round": field(
            -0.85 * c * np.abs(c), side * middle * (0.12 + 0.08 * inward), 0.35 + 0.45 * middle - 0.25 * inward
        ),
        "upper": field(zero, upper * 0.42 * (0.35 + 0.65 * middle) * (0.6 + 0.4 * inward), zero),
        "lower": field(zero, -(lower * 0.45) * (0.35 + 0.65 * middle) * (0.6 + 0.4 * inward), 0.06 * lower),
        "tuck": field(
            zero,
            lower * (0.20 + 0.12 * inward) * middle + upper * 0.10 * middle,
            -lower * (0.25 + 0.35 * inward) * middle + upper * 0.12,
        ),
        "press": field(0.08 * c, -0.16 * side * middle * (1 - inward), -0.18 * (1 - inward) - 0.1),
    }


@lru_cache(maxsize=1)
def face_mesh() -> Mesh:
    """The one mesh, built on first use."""
    return Mesh()
