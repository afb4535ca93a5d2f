"""Who a face is, as one vector: dlib's network by default, the paper's ArcFace and FaceNet where their weights are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import ConfigError, WeightsError
from imagintalk.external import external_weights
from imagintalk.face.geometry import MEAN_FACE, fit_similarity
from imagintalk.face.roi import FACE_EYES_Y, FACE_SCALE, FACE_SIDE

_IN_CROP = MEAN_FACE * FACE_SCALE + np.array([(FACE_SIDE - 1) / 2, FACE_EYES_Y])
"""Where eyes, nose and mouth lie in the (160, 160) face crop."""

# Where each network was trained to see them, in its own picture.
_DLIB_SIDE, _DLIB_PADDING = 150, 0.25
_DLIB_SHAPE = np.array([[0.1206, 0.2137], [0.3341, 0.2291], [0.6461, 0.2290], [0.8596, 0.2135], [0.4901, 0.6278]])
"""Corners of the eyes and base of the nose in dlib's `get_face_chip`, shares of the unpadded chip."""

_ARCFACE_SIDE = 112
_ARCFACE_SHAPE = np.array([[38.3, 51.7], [73.5, 51.5], [56.1, 92.3]])
"""Middles of the eyes and of the mouth in insightface's alignment, pixels."""

_FACENET_SIDE = 160
_FACENET_FACE = 1.95
"""Side of FaceNet's picture in distances between the outer corners of the eyes: about a detector's box, our choice."""
_FACENET_MIDDLE = 0.42
"""Its middle, below the eyes, in the same unit."""


class IdentityBackend(Protocol):
    """Turns aligned faces into one identity vector."""

    name: str
    width: int

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(width,) of (F, 160, 160, 3) RGB face crops of one person, F >= 1: the mean over the crops."""
        ...


class DlibIdentity:
    """dlib's face recognition ResNet (CC0), 128-d, from the package face-recognition-models. Our embedded default."""

    name = "dlib"
    width = 128

    def __init__(self) -> None:
        import dlib  # large, needed only here

        self._model = dlib.face_recognition_model_v1(str(_dlib_weights()))
        chip = (_DLIB_PADDING + _DLIB_SHAPE) / (1 + 2 * _DLIB_PADDING) * _DLIB_SIDE
        self._align = fit_similarity(_IN_CROP[None, [0, 1, 2, 3, 5]], chip)[0]

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(128,) mean descriptor of (F, 160, 160, 3) RGB face crops."""
        chips = [_view(face, self._align, _DLIB_SIDE) for face in faces]
        return np.array(self._model.compute_face_descriptor(chips), np.float32).mean(axis=0)


class ArcFaceFaceNetIdentity:
    """The paper's identity: ArcFace (insightface buffalo_l, 512-d) and FaceNet (512-d), each of unit length, joined."""

    name = "arcface-facenet"
    width = 1024

    def __init__(self, arcface: Path, facenet: Path) -> None:
        """`arcface`: buffalo_l's w600k_r50.onnx; `facenet`: facenet-pytorch's state dict. Raises WeightsError."""
        from imagintalk.face.facenet import load_facenet

        self._arcface = _open_arcface(arcface)
        self._facenet = load_facenet(facenet)
        eyes = [_IN_CROP[[0, 1]].mean(axis=0), _IN_CROP[[2, 3]].mean(axis=0)]
        self._to_arcface = fit_similarity(np.stack([*eyes, _IN_CROP[6]])[None], _ARCFACE_SHAPE)[0]
        scale = _FACENET_SIDE / (_FACENET_FACE * FACE_SCALE)
        middle = np.array([(FACE_SIDE - 1) / 2, FACE_EYES_Y + _FACENET_MIDDLE * FACE_SCALE])
        shift = (_FACENET_SIDE - 1) / 2 - middle * scale
        self._to_facenet = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(1024,) of (F, 160, 160, 3) RGB face crops: 512 of ArcFace, then 512 of FaceNet."""
        aligned = [_view(face, self._to_arcface, _ARCFACE_SIDE) for face in faces]
        arcface = self._arcface.get_feat([np.ascontiguousarray(view[..., ::-1]) for view in aligned])
        facenet = self._facenet(np.stack([_view(face, self._to_facenet, _FACENET_SIDE) for face in faces]))
        return np.concatenate([_unit_mean(arcface), _unit_mean(facenet)]).astype(np.float32)


def identity_backend(name: str) -> IdentityBackend:
    """The backend `dlib` or `arcface-facenet`. Raises WeightsError or, for another name, ConfigError."""
    if name == DlibIdentity.name:
        return DlibIdentity()
    if name == ArcFaceFaceNetIdentity.name:
        return ArcFaceFaceNetIdentity(external_weights("buffalo_l") / "w600k_r50.onnx", external_weights("facenet"))
    raise ConfigError(f"identity {name!r}: expected {DlibIdentity.name!r} or {ArcFaceFaceNetIdentity.name!r}")


def _dlib_weights() -> Path:
    # The package's own __init__ imports pkg_resources, gone from newer setuptools, so its files are found without it.
    spec = importlib.util.find_spec("face_recognition_models")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec is not None else Path()
    path = folder / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    if not path.is_file():
        raise WeightsError(f"{path}: expected dlib's face recognition weights; pip install face-recognition-models")
    return path


def _open_arcface(path: Path) -> Any:
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX  # slow to import, needed only here

    fetch = "fetch it again with `imagintalk models pull buffalo_l`"
    if not path.is_file():
        raise WeightsError(f"{path}: expected ArcFace's weights, the file is missing; {fetch}")
    try:
        model = ArcFaceONNX(str(path))
        model.prepare(ctx_id=-1)
    except Exception as error:  # noqa: BLE001 - onnx and onnxruntime raise classes of their own that share no base
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: expected ArcFace as an ONNX file, it is damaged ({reason}); {fetch}") from None
    if model.output_shape[-1] != 512:
        raise WeightsError(f"{path}: expected a 512-d ArcFace, its output is {model.output_shape}; {fetch}")
    return model


def _view(face: NDArray[np.uint8], matrix: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    return cv2.warpAffine(  # type: ignore[return-value]
        face, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _unit_mean(vectors: NDArray[np.floating]) -> NDArray[np.floating]:
    mean = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)
