"""Draws one frame of the talking head: layers, eyes, mouth, and the textured, shaded mesh. All choices are ours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.drawn.mesh import CORNERS, LEFT_EYE, LOWER_RINGS, RIGHT_EYE, UPPER_RINGS, Array, face_mesh
from imagintalk.drawn.mouth import PARAMETERS
from imagintalk.drawn.paint import (
    HEAD_CENTRE,
    HEIGHT,
    LAYER_CENTRE,
    SCALE,
    TEXTURE_SIDE,
    WIDTH,
    Layer,
    Look,
    Picture,
    hair_layers,
    skin,
)

_DISTANCE = 75.0
"""From the camera to the head's origin, cm."""
_PIVOT = np.array([0.0, -6.0, -5.0])
"""The head turns about the top of the neck, cm."""


_SHUT_PX = 3.0
"""An opening lower than this, in pixels of the working picture, shows no teeth."""


_IRIS = ((0.60, (44, 34, 28)), (0.54, (104, 82, 60)), (0.40, (132, 104, 74)), (0.25, (14, 12, 12)))
"""Radius in cm and colour of its discs, the pupil last."""


@dataclass(frozen=True)
class Pose:
    """Of the head in one frame."""

    yaw: float
    pitch: float
    roll: float
    """Radians."""
    shift: tuple[float, float]
    """Of the head, cm to the picture's right and up."""
    gaze: tuple[float, float]
    """Of the pupils, cm to the picture's right and up."""
    blink: float
    """0 open, 1 shut."""


class Camera:
    """Turns points of the head into pixels of the working picture."""

    def __init__(self, pose: Pose) -> None:
        cy, sy, cp, sp, cr, sr = (f(a) for a in (pose.yaw, pose.pitch, pose.roll) for f in (np.cos, np.sin))
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self.turn = roll @ pitch @ yaw
        self.shift = np.array([*pose.shift, 0.0])

    def place(self, points: Array) -> Array:
        """(N, 3) cm in the room."""
        return (points - _PIVOT) @ self.turn.T + _PIVOT + self.shift

    def pixels(self, points: Array) -> Array:
        """(N, 2) pixels of points of the head, (N, 3) cm."""
        return _project(self.place(points))

    def layer_matrix(self, depth: float) -> Array:
        """(2, 3) from a layer's pixels to the picture's, for a layer that stands at `depth` cm in the head."""
        corners = np.array([[-8.0, 8.0, depth], [8.0, 8.0, depth], [0.0, -8.0, depth]])
        source = corners[:, :2] * (SCALE, -SCALE) + LAYER_CENTRE
        matrix = cv2.getAffineTransform(source.astype(np.float32), self.pixels(corners).astype(np.float32))
        return np.asarray(matrix, np.float64)


def draw_frame(wall: Picture, look: Look, pose: Pose, mouth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(288, 360, 3) RGB without sensor noise; `wall` is what `backdrop` paints, `mouth` one row of `mouth_track`."""
    mesh, camera = face_mesh(), Camera(pose)
    points = mesh.shape(mouth, pose.blink)
    picture = wall.copy()
    back, front = hair_layers()
    _lay(picture, back, camera.layer_matrix(-3.0))
    _draw_eyes(picture, camera, points, pose)
    value = dict(zip(PARAMETERS, mouth.tolist(), strict=True))
    _draw_inner_mouth(picture, camera, points, value)
    _draw_skin(picture, camera, points, look)
    if value["out"] > 0.25:
        _draw_tongue_tip(picture, camera, points, value["out"])
    _lay(picture, front, camera.layer_matrix(3.0))
    small = cv2.resize(picture, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    small = cv2.transform(small, np.diag(look.tint))
    return np.clip(small, 0, 255).astype(np.uint8)


def _project(room: Array) -> Array:
    size = SCALE * _DISTANCE / (_DISTANCE - room[:, 2])
    return np.stack([HEAD_CENTRE[0] + size * room[:, 0], HEAD_CENTRE[1] - size * room[:, 1]], axis=1)


def _lay(picture: Picture, layer: Layer, matrix: Array) -> None:
    """Warp a layer and lay it over the picture, in place."""
    height, width = layer.colour.shape[:2]
    matrix = matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ layer.corner
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ matrix.T
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).clip((0, 0), (WIDTH, HEIGHT))
    moved = matrix - np.array([[0, 0, left], [0, 0, top]])
    size = (int(right - left), int(bottom - top))
    keep = cv2.warpAffine(layer.keep, moved, size, borderValue=(1.0, 1.0, 1.0))
    part = picture[top:bottom, left:right]
    part[:] = cv2.add(cv2.multiply(part, keep), cv2.warpAffine(layer.colour, moved, size))


def _draw_eyes(picture: Picture, camera: Camera, points: Array, pose: Pose) -> None:
    for ring, inward in ((RIGHT_EYE, 1), (LEFT_EYE, -1)):
        rim = points[list(ring)]
        outline = camera.pixels(rim)
        _polygon(picture, outline, (206, 198, 192))
        middle = (face_mesh().rest[ring[0]] + face_mesh().rest[ring[8]]) / 2
        middle = middle + (inward * 0.06 + pose.gaze[0], 0.10 + pose.gaze[1], 0.2)
        centre = camera.pixels(middle[None])[0]
        for radius, colour in _IRIS:
            _disc(picture, centre, radius * SCALE, colour)
        _disc(picture, centre + (-3.2, -3.6), 2.0, (244, 244, 240))
        lid = np.concatenate([outline[:9], outline[8::-1] + (0, 0.22 * SCALE)])
        left, top = np.floor(outline.min(axis=0)).astype(int) - 3
        right, bottom = np.ceil(outline.max(axis=0)).astype(int) + 4
        shadow = np.zeros((bottom - top, right - left), np.float32)
        _polygon(shadow, lid - (left, top), (1.0,))
        picture[top:bottom, left:right] *= 1 - 0.38 * cv2.GaussianBlur(shadow, (0, 0), 1.6)[..., None]


def _draw_inner_mouth(picture: Picture, camera: Camera, points: Array, value: dict[str, float]) -> None:
    """Throat, lower teeth, tongue, upper teeth; the face is laid over them afterwards."""
    inner = [CORNERS[3][0], *UPPER_RINGS[3], CORNERS[3][1], *LOWER_RINGS[3][::-1]]
    opening = camera.pixels(points[inner])
    left, top = np.floor(opening.min(axis=0)).astype(int) - 4
    right, bottom = np.ceil(opening.max(axis=0)).astype(int) + 5
    part = picture[top:bottom, left:right]
    origin = np.array([left, top])
    if opening[:, 1].max() - opening[:, 1].min() < _SHUT_PX:
        part[:] = (92, 44, 42)
        return
    part[:] = (46, 17, 16)
    mesh, jaw = face_mesh(), value["jaw"]
    spread = np.linspace(-1, 1, 11)
    _draw_tongue(part, camera, value, origin)
    lower = _teeth(spread * 1.7, -4.56, -5.5, 3.9)
    lower = mesh.jaw_points(lower.reshape(-1, 3), jaw).reshape(lower.shape)
    _draw_teeth(part, camera, lower, origin, 0.92)
    _draw_teeth(part, camera, _teeth(spread * 2.0, -4.38, -3.2, 4.25), origin, 1.12)
    # the lips shade what lies behind them, most of all the upper one
    inside = np.zeros(part.shape[:2], np.float32)
    _polygon(inside, opening - origin, (1.0,))
    depth = cv2.GaussianBlur(inside, (0, 0), 3.0)
    below = np.roll(depth, 5, axis=0)
    light = 0.42 + 0.58 * np.clip(0.6 * depth + 0.6 * below, 0, 1) ** 1.3
    part *= (light * (1 - 0.6 * max(value["round"], 0.0)))[..., None]


def _teeth(x: Array, edge: float, root: float, front: float) -> Array:
    """(2, N, 3) cutting edge and root of an arch of teeth; its sides recede and its outer teeth are shorter."""
    z = front - 0.42 * x**2
    short = 0.05 * x**2 * np.sign(root - edge)
    return np.stack([np.stack([x, edge + short, z], axis=1), np.stack([x, np.full_like(x, root), z], axis=1)])


def _draw_teeth(part: Picture, camera: Camera, arch: Array, origin: NDArray[np.int64], light: float) -> None:
    edge, root = camera.pixels(arch[0]) - origin, camera.pixels(arch[1]) - origin
    gum = root + 0.30 * (root - edge)
    _polygon(part, np.concatenate([root + 0.4 * (edge - root), gum[::-1]]), (150, 78, 76))
    for i in range(len(edge) - 1):
        side = 1 - 0.42 * abs(2 * i + 1 - (len(edge) - 1)) / len(edge)
        gap = 0.06 * (edge[i + 1] - edge[i])
        round_off = 0.12 * (root[i] - edge[i])
        tooth = np.stack([root[i] + gap, edge[i] + gap + round_off, edge[i] + 3 * gap, edge[i + 1] - 3 * gap,
                          edge[i + 1] - gap + round_off, root[i + 1] - gap])  # fmt: skip
        _polygon(part, edge[i] + (tooth - edge[i]), tuple(light * side * c for c in (228, 218, 200)))


def _draw_tongue(part: Picture, camera: Camera, value: dict[str, float], origin: NDArray[np.int64]) -> None:
    floor = face_mesh().jaw_points(np.array([[0.0, -4.95, 3.4]]), value["jaw"])[0, 1]
    lift = value["tongue"]
    tip = floor + lift * min(-3.75 - floor, 1.25)
    half_width, half_height = 1.55 - 0.25 * lift, 0.55 + 0.15 * lift
    turn = np.linspace(0, 2 * np.pi, 40)
    for size, colour in ((1.0, (104, 46, 48)), (0.86, (128, 60, 60)), (0.6, (146, 72, 70))):
        ring = np.stack([size * half_width * np.cos(turn), tip - 0.3 * half_height + size * half_height * np.sin(turn),
                         np.full(40, 3.2)], axis=1)  # fmt: skip
        _polygon(part, camera.pixels(ring) - origin, colour)


def _draw_tongue_tip(picture: Picture, camera: Camera, points: Array, out: float) -> None:
    """The tip between the teeth, over the lower lip and below the upper."""
    upper = camera.pixels(points[[CORNERS[3][0], *UPPER_RINGS[3], CORNERS[3][1]]])
    lower = camera.pixels(points[[LOWER_RINGS[3][4]]])[0]
    middle = (upper[5] + lower) / 2
    turn = np.linspace(0, 2 * np.pi, 40)
    for size, colour in ((1.08, (112, 50, 50)), (1.0, (186, 104, 102)), (0.7, (204, 122, 116))):
        ring = middle + out * size * np.stack([1.05 * SCALE * np.cos(turn), 0.36 * SCALE * np.sin(turn)], axis=1)
        ring[:, 1] = np.maximum(ring[:, 1], np.interp(ring[:, 0], upper[:, 0], upper[:, 1]) + 1)
        _polygon(picture, ring, colour)


def _draw_skin(picture: Picture, camera: Camera, points: Array, look: Look) -> None:
    """Rasterise the mesh back to front into triangle numbers, then shade all pixels at once."""
    mesh = face_mesh()
    room = camera.place(points)
    flat = _project(room)
    normals = _normals(room, mesh.triangles)
    light = np.array(look.light)
    facing = normals @ light
    halfway = light + (0, 0, 1)
    sheen = np.maximum(normals @ (halfway / np.linalg.norm(halfway)), 0) ** 22
    bright = 0.50 + 0.50 * np.clip(0.25 + 0.75 * facing, 0, 1) + 0.10 * np.clip(normals[:, 2], 0, 1) - 0.02
    bright *= 0.72 + 0.28 * np.clip(normals[:, 2] * 1.6, 0, 1)
    attributes = np.concatenate([mesh.uv * TEXTURE_SIDE - 0.5, bright[:, None], sheen[:, None]], axis=1)

    left, top = np.floor(flat.min(axis=0)).astype(int).clip(0)
    right, bottom = np.ceil(flat.max(axis=0)).astype(int) + 1
    right, bottom = min(right, WIDTH), min(bottom, HEIGHT)
    corners = flat[mesh.triangles] - (left, top)
    edge_a, edge_b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0]
    front = np.flatnonzero(area < -1.0)
    order = front[np.argsort(room[mesh.triangles[front], 2].mean(axis=1))]
    numbers = np.full((bottom - top, right - left), -1, np.int16)
    fixed = np.round(corners * 16).astype(np.int32)
    for i in order.tolist():
        cv2.fillConvexPoly(numbers, fixed[i], i, cv2.LINE_8, 4)

    matrices = np.concatenate([corners, np.ones((len(corners), 3, 1))], axis=2)
    matrices[np.abs(area) <= 1e-3] = np.eye(3)
    planes = np.linalg.solve(matrices, attributes[mesh.triangles]).astype(np.float32)
    x = np.arange(numbers.shape[1], dtype=np.float32)
    y = np.arange(numbers.shape[0], dtype=np.float32)[:, None]
    across, down, rest = (np.ascontiguousarray(planes[:, i].T) for i in range(3))
    u, v, light_map, sheen_map = (
        across[k][numbers] * x + down[k][numbers] * y + rest[k][numbers] for k in range(attributes.shape[1])
    )
    painted = cv2.remap(skin(), u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colour = cv2.multiply(painted[..., :3], cv2.merge([light_map] * 3))
    shine = cv2.multiply(np.ascontiguousarray(painted[..., 3]), sheen_map, scale=120)
    cv2.copyTo(cv2.add(colour, cv2.merge([shine] * 3)), (numbers >= 0).view(np.uint8), picture[top:bottom, left:right])


def _normals(room: Array, triangles: NDArray[np.int64]) -> Array:
    a, b, c = (room[triangles[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    total = np.zeros_like(room)
    for k in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(triangles[:, k], flat[:, axis], len(room))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def _polygon(picture: Picture, outline: Array, colour: tuple[float, ...]) -> None:
    cv2.fillPoly(picture, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_8, 4)


def _disc(picture: Picture, centre: Array, radius: float, colour: tuple[float, ...]) -> None:
    at = np.round(centre * 16).astype(int)
    cv2.circle(picture, (int(at[0]), int(at[1])), round(radius * 16), colour, -1, cv2.LINE_8, 4)
