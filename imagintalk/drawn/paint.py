"""What the drawn talker is painted with: skin and lips for the mesh, flat layers for hair, ears, neck and clothes.

One identity, painted from fixed seeds; `Look` carries what differs between clips. Colours are RGB, 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.drawn.mesh import CORNERS, LEFT_EYE, LOWER_RINGS, RIGHT_EYE, UPPER_RINGS, face_mesh

Picture = NDArray[np.float32]

TEXTURE_SIDE = 768
SCALE = 18.4
"""Pixels per cm in the working picture, which is twice the clip's size."""
WIDTH, HEIGHT = 720, 576
"""Working picture; averaged down by two at the end."""
HEAD_CENTRE = (352.0, 334.0)
"""Of the head's origin in the working picture, pixels."""
LAYER_CENTRE = (240.0, 260.0)
_LAYER_SIZE = (480, 560)
"""Of the flat layers, in pixels at SCALE: the place of the head's origin, and width, height."""

_SKIN = np.array([202, 152, 126], np.float32)
_LIP = np.array([166, 92, 88], np.float32)
_HAIR = np.array([46, 34, 26], np.float32)
_BROWS = ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)), ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285))


@dataclass(frozen=True)
class Look:
    """What differs between two clips of the one talker."""

    tint: tuple[float, float, float]
    """Gain of red, green and blue."""
    light: tuple[float, float, float]
    """Direction of the light, unit length, x to the picture's right, y up, z to the camera."""
    backdrop: tuple[float, float, float]
    cloth: tuple[float, float, float]


@dataclass(frozen=True)
class Layer:
    """A flat part of the head."""

    colour: Picture
    """(h, w, 3) RGB times alpha."""
    keep: Picture
    """(h, w, 3) 1 - alpha: the share of what lies behind, thrice so that OpenCV can multiply with it."""
    corner: NDArray[np.float64]
    """(2,) x and y of its first pixel, counted as LAYER_CENTRE is."""


def draw_look(chance: np.random.Generator) -> Look:
    light = np.array([chance.uniform(-0.5, 0.3), chance.uniform(0.3, 0.5), 0.85])
    light /= np.linalg.norm(light)
    tint = 1 + chance.normal(0, 0.015, 3) + chance.normal(0, 0.03)
    backdrop = np.array([38, 138, 178]) + chance.normal(0, 8, 3)
    cloth = np.array([88, 98, 116]) + chance.normal(0, 6, 3)
    return Look(tuple(tint), tuple(light), tuple(backdrop), tuple(cloth))


@lru_cache(maxsize=1)
def skin() -> Picture:
    """(768, 768, 4) albedo and, last, gloss 0..1 of the face, in the mesh's own texture coordinates."""
    chance = np.random.default_rng(7)
    side = TEXTURE_SIDE
    place = face_mesh().uv.astype(np.float64) * side
    colour = np.ones((side, side, 3), np.float32) * _SKIN
    for sigma, strength in ((30, 5.0), (6, 3.0), (1.0, 4.5)):
        colour += _noise(chance, side, sigma)[..., None] * np.array([1, 0.95, 0.9], np.float32) * strength
    for point, radius, change in (
        (50, 50, (10, -8, -8)), (280, 50, (10, -8, -8)), (4, 34, (9, -8, -8)), (18, 34, (-34, -30, -26)),
        (164, 20, (-16, -14, -12)), (159, 40, (-26, -24, -18)), (386, 40, (-26, -24, -18)),
        (145, 24, (-14, -14, -8)), (374, 24, (-14, -14, -8)), (129, 15, (-26, -24, -20)), (358, 15, (-26, -24, -20)),
        (2, 18, (-34, -30, -26)), (193, 18, (-24, -22, -18)), (417, 18, (-24, -22, -18)), (168, 22, (8, 8, 8)),
        (61, 12, (-28, -26, -22)), (291, 12, (-28, -26, -22)),
    ):  # fmt: skip
        colour += _blob(side, place[point], radius)[..., None] * np.array(change, np.float32)
    _beard(colour, place, chance)
    for fold in ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432)):
        line = _stroke_mask(side, place[list(fold)], 5, 5.0)
        colour -= line[..., None] * np.array([26, 24, 20], np.float32)
    for side_points in ((98, 2), (327, 2)):
        nostril = 0.62 * place[side_points[0]] + 0.38 * place[2] - (0, 5)
        hole = _blob(side, nostril, 8, 4.5)
        colour *= 1 - 0.72 * np.minimum(hole * 1.4, 1)[..., None]
    gloss = np.full((side, side), 0.20, np.float32)
    _lips(colour, gloss, place, chance)
    _brows_and_lids(colour, place, chance)
    return np.dstack([np.clip(colour, 0, 255), gloss])


@lru_cache(maxsize=1)
def hair_layers() -> tuple[Layer, Layer]:
    """Behind the face (hair, ears) and before it (fringe, temples)."""
    chance = np.random.default_rng(11)
    back = np.zeros((_LAYER_SIZE[1], _LAYER_SIZE[0], 4), np.float32)
    for side in (-1, 1):
        _fill(back, _oval(side * 8.0, -0.3, 1.15, 2.6, side * 10), _SKIN * 0.84)
        _fill(back, _oval(side * 8.15, -0.2, 0.6, 1.9, side * 10), _SKIN * 0.62)
    back = cv2.GaussianBlur(back, (0, 0), 1.6)  # type: ignore[assignment]
    dome = _oval(0, 4.4, 8.3, 7.2, 0)
    _fill(back, dome[dome[:, 1] < _pixels(np.array([[0.0, 1.5]]))[0, 1]], _HAIR)
    front = np.zeros_like(back)
    for _ in range(2200):
        start = chance.uniform(-1, 1)
        root = np.array([start * 5.9 + chance.normal(0, 0.45), 10.9 - 2.9 * start**2 + chance.normal(0, 0.8)])
        out = np.array([start * 1.5 + chance.normal(0, 0.8) + 0.35, -chance.uniform(1.4, 4.2) - 0.6 * start**2])
        curve = np.array([root + out * s + np.array([np.sign(start) * 1.3 * s * (1 - s), 1.1 * s * (1 - s)])
                          for s in np.linspace(0, 1, 7)])  # fmt: skip
        shade = _HAIR * chance.uniform(0.55, 1.75) * (1 + 0.5 * np.exp(-((start + 0.4) ** 2) * 6))
        _strand(front, curve, shade, 2 if chance.random() < 0.6 else 1)
    for side in (-1, 1):
        for _ in range(420):
            root = np.array([side * (7.2 + chance.normal(0.35, 0.35)), chance.uniform(2.6, 8.4)])
            tip = root + np.array([side * chance.normal(0.15, 0.2), -chance.uniform(1.0, 2.4)])
            curve = np.stack([root, (root + tip) / 2 + (side * 0.15, 0), tip])
            _strand(front, curve, _HAIR * chance.uniform(0.6, 1.5), 1)
    return _cut(back), _cut(cv2.GaussianBlur(front, (0, 0), 0.6))  # type: ignore[arg-type]


def backdrop(look: Look, chance: np.random.Generator) -> Picture:
    """(576, 720, 3) wall with neck and clothes before it."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    centre = np.array([chance.uniform(0.3, 0.7) * WIDTH, chance.uniform(0.2, 0.6) * HEIGHT])
    fall = 1.12 - 0.42 * (((x - centre[0]) / WIDTH) ** 2 + ((y - centre[1]) / HEIGHT) ** 2)
    picture = fall[..., None] * np.array(look.backdrop, np.float32)
    cloth, neck = _body()
    weave = 1 + 0.025 * _noise(chance, WIDTH, 12)[:HEIGHT] + 0.05 * _noise(chance, WIDTH, 1.2)[:HEIGHT]
    slope = 1.08 - 0.25 * np.abs(x - HEAD_CENTRE[0]) / WIDTH
    picture += cloth[..., None] * ((weave * slope)[..., None] * np.array(look.cloth, np.float32) - picture)
    across, down = np.abs(x - HEAD_CENTRE[0]) / SCALE, (y - HEAD_CENTRE[1]) / SCALE
    shade = (1 - 0.34 * np.clip(across / 5.5, 0, 1) ** 2) * (0.55 + 0.45 / (1 + np.exp((10.4 - down) * 1.6)))
    picture += neck[..., None] * (shade[..., None] * _SKIN * 0.8 - picture)
    return np.clip(picture, 0, 255).astype(np.float32)


@lru_cache(maxsize=1)
def _body() -> tuple[Picture, Picture]:
    """Where clothes and neck are, (576, 720), 0..1."""
    jacket = [(-25, -20), (-23, -14.2), (-15, -11.6), (-7.2, -9.2), (-5.0, -8.6), (5.0, -8.6), (7.2, -9.2), (15, -11.6),
              (23, -14.2), (25, -20)]  # fmt: skip
    neck = [(-5.4, -4), (-5.2, -8.5), (-5.6, -9.4), (-2.6, -12.6), (0, -14.6), (2.6, -12.6), (5.6, -9.4), (5.2, -8.5),
            (5.4, -4)]  # fmt: skip
    masks = []
    for outline in (jacket, neck):
        mask = np.zeros((HEIGHT, WIDTH), np.float32)
        place = np.array(outline) * (SCALE, -SCALE) + HEAD_CENTRE
        cv2.fillPoly(mask, [np.round(place * 16).astype(np.int32)], (1.0,), cv2.LINE_8, 4)
        masks.append(cv2.GaussianBlur(mask, (0, 0), 1.4))
    return masks[0], masks[1]  # type: ignore[return-value]


def _cut(layer: Picture) -> Layer:
    """Without the empty border."""
    y, x = np.nonzero(layer[..., 3] > 0.004)
    top, left = y.min(), x.min()
    part = layer[top : y.max() + 1, left : x.max() + 1]
    keep = np.repeat(1 - part[..., 3:], 3, axis=2)
    return Layer(np.ascontiguousarray(part[..., :3]), keep, np.array([left, top], np.float64))


def _pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[:, :2] * (SCALE, -SCALE) + LAYER_CENTRE


def _oval(x: float, y: float, rx: float, ry: float, degrees: float) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 60)
    a = np.deg2rad(degrees)
    px, py = rx * np.cos(turn), ry * np.sin(turn)
    return _pixels(np.stack([x + px * np.cos(a) - py * np.sin(a), y + px * np.sin(a) + py * np.cos(a)], axis=1))


def _fill(layer: Picture, polygon: NDArray[np.float64], colour: Picture) -> None:
    shape = np.round(polygon * 16).astype(np.int32)
    cv2.fillPoly(layer, [shape], (*(float(c) for c in colour), 1.0), cv2.LINE_8, 4)


def _strand(layer: Picture, curve: NDArray[np.float64], colour: Picture, width: int) -> None:
    line = np.round(_pixels(curve) * 16).astype(np.int32)
    cv2.polylines(layer, [line], False, (*(float(c) for c in np.clip(colour, 0, 255)), 1.0), width, cv2.LINE_8, 4)


def _noise(chance: np.random.Generator, side: int, sigma: float) -> Picture:
    field = cv2.GaussianBlur(chance.standard_normal((side, side)).astype(np.float32), (0, 0), sigma)
    return field / field.std()


def _blob(side: int, centre: NDArray[np.float64], rx: float, ry: float | None = None) -> Picture:
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    return np.exp(-0.5 * (((x - centre[0]) / rx) ** 2 + ((y - centre[1]) / (ry or rx)) ** 2)).astype(np.float32)


def _curve(points: NDArray[np.float64], closed: bool) -> NDArray[np.float64]:
    """A smooth line through the points (Catmull-Rom), eight steps between two of them."""
    before, after = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    around = np.concatenate([before, points, after])
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(around, around[1:], around[2:], around[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(parts) if closed else np.concatenate([*parts, points[-1:]])


def _stroke_mask(side: int, points: NDArray[np.float64], width: int, blur: float) -> Picture:
    mask = np.zeros((side, side), np.float32)
    cv2.polylines(mask, [np.round(_curve(points, False) * 16).astype(np.int32)], False, (1.0,), width, cv2.LINE_8, 4)
    return cv2.GaussianBlur(mask, (0, 0), blur)  # type: ignore[return-value]


def _area_mask(side: int, points: NDArray[np.float64], blur: float) -> Picture:
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [np.round(_curve(points, True) * 16).astype(np.int32)], (1.0,), cv2.LINE_8, 4)
    return cv2.GaussianBlur(mask, (0, 0), blur)  # type: ignore[return-value]


def _beard(colour: Picture, place: NDArray[np.float64], chance: np.random.Generator) -> None:
    """A shaved man's shadow: darker, bluer and speckled around the mouth and along the jaw."""
    side = len(colour)
    points = (132, 187, 205, 98, 2, 327, 425, 411, 361, 397, 379, 400, 152, 176, 150, 172)
    mask = _area_mask(side, place[list(points)], 14)
    speckle = np.clip(1 + 0.6 * _noise(chance, side, 0.9), 0, 2.5)
    colour -= (mask * speckle)[..., None] * np.array([20, 15, 10], np.float32)


def _lips(colour: Picture, gloss: Picture, place: NDArray[np.float64], chance: np.random.Generator) -> None:
    side = len(colour)
    outer = [CORNERS[0][0], *UPPER_RINGS[0], CORNERS[0][1], *LOWER_RINGS[0][::-1]]
    mask = _area_mask(side, place[outer], 2.2)
    grain = cv2.GaussianBlur(chance.standard_normal((side, side)).astype(np.float32), (0, 0), sigmaX=1.2, sigmaY=7)
    shade = 1 + 0.05 * grain / grain.std()
    upper = _area_mask(side, place[[CORNERS[0][0], *UPPER_RINGS[0], CORNERS[3][1], *UPPER_RINGS[3][::-1]]], 3)
    shade *= 1 - 0.13 * upper
    edge = [CORNERS[3][0], *UPPER_RINGS[3], CORNERS[3][1], *LOWER_RINGS[3][::-1]]
    rim = np.zeros((side, side), np.float32)
    cv2.polylines(rim, [np.round(_curve(place[edge], True) * 16).astype(np.int32)], True, (1.0,), 5, cv2.LINE_8, 4)
    shade *= 1 - 0.42 * cv2.GaussianBlur(rim, (0, 0), 2.6)
    colour += mask[..., None] * (_LIP * shade[..., None] - colour)
    gloss += mask * 0.35


def _brows_and_lids(colour: Picture, place: NDArray[np.float64], chance: np.random.Generator) -> None:
    side = len(colour)
    for high, low in _BROWS:
        top, bottom = _curve(place[list(high)], False), _curve(place[list(low)], False)
        soft = _area_mask(side, np.concatenate([top[::8], bottom[::-8]]), 3.5)
        colour += (0.68 * soft)[..., None] * (_HAIR * 1.3 - colour)
        inner = float(np.sign(top[0, 0] - top[-1, 0]))
        for _ in range(420):
            along = chance.uniform(0, 1)
            at = int(along * (len(top) - 1))
            root = bottom[at] + chance.uniform(-0.15, 0.95) * (top[at] - bottom[at])
            lean = np.array([inner * (3 + 6 * (1 - along)), -chance.uniform(1, 6) * (0.3 + along)])
            tip = root + lean * chance.uniform(0.6, 1.3)
            ends = np.round(np.stack([root, tip]) * 16).astype(np.int32)
            shade = tuple(float(c) for c in _HAIR * chance.uniform(0.8, 1.7))
            cv2.polylines(colour, [ends], False, shade, 1, cv2.LINE_8, 4)
    for eye, fold in ((RIGHT_EYE, (247, 30, 29, 27, 28, 56)), (LEFT_EYE, (467, 260, 259, 257, 258, 286))):
        crease = _stroke_mask(side, place[list(fold)], 2, 1.6)
        colour *= 1 - 0.35 * crease[..., None]
        upper = _stroke_mask(side, place[list(eye[:9])] - (0, 1.0), 4, 1.1)
        lower = _stroke_mask(side, place[[eye[0], *eye[:8:-1], eye[8]]] + (0, 0.5), 2, 1.0)
        colour *= 1 - np.minimum(0.85 * upper + 0.35 * lower, 0.9)[..., None]
