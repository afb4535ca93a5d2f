"""FaceNet's Inception-ResNet v1 as published with facenet-pytorch: same parts, sizes and names, so its weights load.

Szegedy et al. 2017 (arXiv 1602.07261) for the blocks, Schroff et al. 2015 (arXiv 1503.03832) for the embedding.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imagintalk.errors import WeightsError

WIDTH = 512
_CLASSIFIER = "logits."
"""Weights of the classifier that it was trained with; they are in the file and not needed."""


class FaceNet(nn.Module):
    """Pictures (F, 3, 160, 160) in [-1, 1] → (F, 512) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = _Conv(3, 32, 3, stride=2)
        self.conv2d_2a = _Conv(32, 32, 3)
        self.conv2d_2b = _Conv(32, 64, 3, padding=1)
        self.conv2d_3b = _Conv(64, 80, 1)
        self.conv2d_4a = _Conv(80, 192, 3)
        self.conv2d_4b = _Conv(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        self.mixed_6a = _Reduction(
            _Conv(256, 384, 3, stride=2),
            nn.Sequential(_Conv(256, 192, 1), _Conv(192, 192, 3, padding=1), _Conv(192, 256, 3, stride=2)),
        )
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = _Reduction(
            nn.Sequential(_Conv(896, 256, 1), _Conv(256, 384, 3, stride=2)),
            nn.Sequential(_Conv(896, 256, 1), _Conv(256, 256, 3, stride=2)),
            nn.Sequential(_Conv(896, 256, 1), _Conv(256, 256, 3, padding=1), _Conv(256, 256, 3, stride=2)),
        )
        self.repeat_3 = nn.Sequential(*(_block8(0.2, nn.functional.relu) for _ in range(5)))
        self.block8 = _block8(1.0, _unchanged)
        self.last_linear = nn.Linear(1792, WIDTH, bias=False)
        self.last_bn = nn.BatchNorm1d(WIDTH, eps=0.001)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (F, 3, 160, 160) in [-1, 1] → (F, 512) of unit length."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(pictures)))
        x = nn.functional.max_pool2d(x, 3, stride=2)
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(x)))
        x = self.repeat_2(self.mixed_6a(self.repeat_1(x)))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        x = self.last_bn(self.last_linear(x.mean(dim=(2, 3))))
        return nn.functional.normalize(x, dim=1)


def load_facenet(path: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """The network of a facenet-pytorch state dict, as a function of (F, 160, 160, 3) RGB pictures → (F, 512).

    Raises WeightsError when the file is missing, damaged, or of another network.
    """
    fetch = "fetch it again with `imagintalk models pull facenet`"
    if not path.is_file():
        raise WeightsError(f"{path}: expected FaceNet's weights, the file is missing; {fetch}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        raise WeightsError(f"{path}: expected FaceNet's state dict, it is damaged ({error}); {fetch}") from None
    network = FaceNet().eval()
    try:
        network.load_state_dict({name: t for name, t in state.items() if not name.startswith(_CLASSIFIER)})
    except (RuntimeError, AttributeError) as error:
        raise WeightsError(
            f"{path}: the weights do not fit Inception-ResNet v1 ({str(error)[:200]}); {fetch}"
        ) from None

    def embed(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        scaled = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 128
        with torch.inference_mode():
            return network(scaled).numpy()

    return embed


class _Conv(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.bn(self.conv(x)))


class _Residual(nn.Module):
    """x + scale × a 1 × 1 convolution of the joined branches."""

    def __init__(self, width: int, joined: int, scale: float, then: Callable[[Tensor], Tensor], *branches: nn.Module):
        super().__init__()
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)
        self.conv2d = nn.Conv2d(joined, width, 1)
        self._branches = [f"branch{index}" for index in range(len(branches))]
        self._scale, self._then = scale, then

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.get_submodule(name)(x) for name in self._branches], dim=1)
        return self._then(x + self._scale * self.conv2d(joined))


class _Reduction(nn.Module):
    """Branches that halve the picture, and a maximum over it beside them."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        for index, branch in enumerate(branches):
            self.add_module(f"branch{index}", branch)
        self._branches = [f"branch{index}" for index in range(len(branches))]

    def forward(self, x: Tensor) -> Tensor:
        outputs = [self.get_submodule(name)(x) for name in self._branches]
        return torch.cat([*outputs, nn.functional.max_pool2d(x, 3, stride=2)], dim=1)


def _block35() -> _Residual:
    return _Residual(
        256,
        96,
        0.17,
        nn.functional.relu,
        _Conv(256, 32, 1),
        nn.Sequential(_Conv(256, 32, 1), _Conv(32, 32, 3, padding=1)),
        nn.Sequential(_Conv(256, 32, 1), _Conv(32, 32, 3, padding=1), _Conv(32, 32, 3, padding=1)),
    )


def _block17() -> _Residual:
    branch = nn.Sequential(
        _Conv(896, 128, 1), _Conv(128, 128, (1, 7), padding=(0, 3)), _Conv(128, 128, (7, 1), padding=(3, 0))
    )
    return _Residual(896, 256, 0.10, nn.functional.relu, _Conv(896, 128, 1), branch)


def _block8(scale: float, then: Callable[[Tensor], Tensor]) -> _Residual:
    branch = nn.Sequential(
        _Conv(1792, 192, 1), _Conv(192, 192, (1, 3), padding=(0, 1)), _Conv(192, 192, (3, 1), padding=(1, 0))
    )
    return _Residual(1792, 384, scale, then, _Conv(1792, 192, 1), branch)


def _unchanged(x: Tensor) -> Tensor:
    return x
