"""Landmarks of every face in a picture: MediaPipe's face mesh, and close-ups of faces that are too small for it."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from mediapipe.python.solutions.face_detection import FaceDetection
from mediapipe.python.solutions.face_mesh import FaceMesh
from numpy.typing import NDArray

from imagintalk.face.quiet import quiet_stderr

MAX_FACES = 4
"""Faces followed at once."""

_LONGEST_SIDE = 1280
"""Larger pictures are shrunk to this before the mesh looks at them; close-ups are cut from the full picture."""

_LOOK_EVERY = 8
"""Pictures between two searches for further, smaller faces."""

_CLOSE_UP_SIDE = 320
_CLOSE_UP_MARGIN = 2.2
"""Side of the square cut around a small face, in sizes of the face."""


class FaceFinder:
    """Finds faces in the successive pictures of one clip. Close it, or use it in a `with`, to free its models."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._count = 0
        self._small: list[NDArray[np.float32]] = []
        self._close_up: Any = None
        self._detector: Any = None
        self._mesh = self._start(FaceMesh, max_num_faces=MAX_FACES, refine_landmarks=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _start(self, kind: type[Any], **options: Any) -> Any:
        """Create a MediaPipe solution. It starts, and logs, on threads of its own: a blank picture waits for them."""
        with quiet_stderr():
            solution = self._stack.enter_context(kind(**options))
            solution.process(np.zeros((64, 64, 3), np.uint8))
        return solution

    def find(self, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Landmarks (478, 3) of each face in an RGB picture (H, W, 3): x and y in pixels, z in the scale of x."""
        height, width = picture.shape[:2]
        shrink = min(1.0, _LONGEST_SIDE / max(height, width))
        shrunk = picture
        if shrink < 1:
            size = (round(width * shrink), round(height * shrink))
            shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        faces = _landmarks(self._mesh, shrunk, width, height)
        self._small = self._small_faces(picture, faces)
        self._count += 1
        return faces + self._small

    def _small_faces(self, picture: NDArray[np.uint8], faces: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Faces that only a close-up shows: those of the picture before, and from time to time new ones."""
        found: list[NDArray[np.float32]] = []
        for previous in self._small:
            self._add(picture, _box(previous), faces, found)
        searching = self._count % _LOOK_EVERY == 0
        if searching or not faces and not found:
            boxes = self._detect(picture)
            if searching and not boxes and not faces and not found:
                boxes = [box for tile in _tiles(picture) for box in self._detect_in(picture, tile)]
            for box in boxes:
                self._add(picture, box, faces, found)
        return found

    def _add(
        self,
        picture: NDArray[np.uint8],
        box: NDArray[np.float32],
        faces: list[NDArray[np.float32]],
        found: list[NDArray[np.float32]],
    ) -> None:
        if len(faces) + len(found) >= MAX_FACES or _known(box, faces + found):
            return
        if self._close_up is None:
            self._close_up = self._start(FaceMesh, static_image_mode=True, max_num_faces=1, refine_landmarks=True)
        side = max(round(float(max(box[2] - box[0], box[3] - box[1])) * _CLOSE_UP_MARGIN), 8)
        left, top = (round(float(value)) for value in (box[:2] + box[2:]) / 2 - side / 2)
        enlarge = _CLOSE_UP_SIDE / side
        matrix = np.array([[enlarge, 0, -left * enlarge], [0, enlarge, -top * enlarge]])
        view = cv2.warpAffine(picture, matrix, (_CLOSE_UP_SIDE, _CLOSE_UP_SIDE), flags=cv2.INTER_CUBIC)
        for face in _landmarks(self._close_up, view, _CLOSE_UP_SIDE, _CLOSE_UP_SIDE):
            face = face / np.float32(enlarge) + np.array([left, top, 0], np.float32)
            if not _known(_box(face), faces + found):
                found.append(face)

    def _detect(self, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return self._detect_in(picture, (0, 0, picture.shape[1], picture.shape[0]))

    def _detect_in(self, picture: NDArray[np.uint8], tile: tuple[int, int, int, int]) -> list[NDArray[np.float32]]:
        """Boxes (left, top, right, bottom) of the faces that the full-range detector finds in a part of the picture."""
        if self._detector is None:
            self._detector = self._start(FaceDetection, model_selection=1)
        left, top, right, bottom = tile
        with quiet_stderr():
            result = self._detector.process(np.ascontiguousarray(picture[top:bottom, left:right]))
        boxes = []
        for detection in result.detections or ():
            box = detection.location_data.relative_bounding_box
            corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
            scale = np.array([right - left, bottom - top] * 2, np.float32)
            boxes.append(np.array(corners, np.float32) * scale + np.array([left, top] * 2, np.float32))
        return boxes


def _landmarks(mesh: Any, picture: Any, width: float, height: float) -> list[NDArray[np.float32]]:
    with quiet_stderr():
        result = mesh.process(picture)
    scale = np.array([width, height, width], np.float32)
    return [
        np.array([(point.x, point.y, point.z) for point in face.landmark], np.float32) * scale
        for face in result.multi_face_landmarks or ()
    ]


def _box(face: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([face[:, :2].min(axis=0), face[:, :2].max(axis=0)])


def _known(box: NDArray[np.float32], faces: list[NDArray[np.float32]]) -> bool:
    """Whether a box and one of the faces cover each other's middle."""
    middle = (box[:2] + box[2:]) / 2
    for face in faces:
        other = _box(face)
        size = max(float((other[2:] - other[:2]).max()), float((box[2:] - box[:2]).max()))
        if float(np.linalg.norm((other[:2] + other[2:]) / 2 - middle)) < 0.5 * size:
            return True
    return False


def _tiles(picture: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Nine overlapping parts of half the picture's size."""
    height, width = picture.shape[:2]
    return [
        (x * width // 4, y * height // 4, x * width // 4 + width // 2, y * height // 4 + height // 2)
        for y in range(3)
        for x in range(3)
    ]
