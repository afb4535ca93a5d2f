"""Visual encoder: a 3-D convolution over five frames, then a ResNet on every frame.

The ResNet is the paper's (arXiv 2503.14928, architecture figure); the shape of stem and trunk is our choice: that of
the published lip-reading front ends, so that their weights load.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.config import LipsConfig
from imagintalk.errors import WeightsError
from imagintalk.lip.frames import valid_frames

STEM_FRAMES = 5
"""Video frames that the stem sees at once, centred."""


def _activation(channels: int, published: bool) -> nn.Module:
    return nn.PReLU(channels) if published else nn.ReLU()


class _Convolution(nn.Conv2d):
    """Convolution without bias whose weight is turned to channels_last on use, and stored contiguous as files need it.

    With weights in the other layout oneDNN's backward pass reorders the pictures: 1.6 times slower in all, measured.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight.contiguous(memory_format=torch.channels_last), None)


class _Block(nn.Module):
    """ResNet basic block: two 3 x 3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, published: bool) -> None:
        super().__init__()
        self.conv1 = _Convolution(inputs, outputs, 3, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = _activation(outputs, published)
        self.conv2 = _Convolution(outputs, outputs, 3)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = _activation(outputs, published)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(_Convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.downsample(x))


class VisualEncoder(nn.Module):
    """(B, T, side, side) normalised gray mouths, 25 fps -> (B, T, resnet_channels[3]), 25 Hz.

    At full resolution (`input == crop`) this is the published layout (kernel 7, PReLU). A network that sees the crop
    averaged down uses kernel 5 and ReLU, both cheaper: PReLU alone would cost as much as the stem on a CPU.
    The 3-D convolution is computed as a 2-D one over five stacked frames: the same sums, several times faster.
    """

    def __init__(self, config: LipsConfig) -> None:
        super().__init__()
        published = config.input == config.crop
        stem, kernel = config.stem_channels, 7 if published else 5
        self.stem = nn.Sequential(
            _Convolution(STEM_FRAMES, stem, kernel, stride=2),
            nn.BatchNorm2d(stem),
            _activation(stem, published),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        layers, inputs = [], stem
        for number, (outputs, blocks) in enumerate(zip(config.resnet_channels, config.resnet_blocks, strict=True)):
            strides = [1 if number == 0 else 2] + [1] * (blocks - 1)
            for stride in strides:
                layers.append(_Block(inputs, outputs, stride, published))
                inputs = outputs
        self.trunk = nn.Sequential(*layers)
        self.blocks = config.resnet_blocks
        self.channels = inputs
        self.frozen = False
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, mouth: Tensor, lengths: Tensor) -> Tensor:
        """Only real frames are computed, so padding costs nothing and never enters the batch statistics.

        Shapes: mouth (B, T, side, side) float, lengths (B,) video frames -> (B, T, channels), zero where padded.
        """
        valid = valid_frames(lengths, mouth.shape[1])
        mouth = mouth * valid[:, :, None, None]
        context = STEM_FRAMES // 2
        stacked = functional.pad(mouth, (0, 0, 0, 0, context, context)).unfold(1, STEM_FRAMES, 1)
        # (N, H, W, 5) in memory is what channels_last calls (N, 5, H, W); every later layer keeps that layout.
        features = self.trunk(self.stem(stacked[valid].permute(0, 3, 1, 2))).mean((2, 3))
        output = features.new_zeros(*valid.shape, self.channels)
        output[valid] = features
        return output

    def load_frontend(self, path: Path) -> None:
        """Load and freeze a published lip-reading front end (AV-HuBERT, Lipreading-TCN: `frontend3D.*`, `trunk.*`).

        Takes a safetensors file or a torch checkpoint of plain tensors. Raises WeightsError where it does not fit.
        Frozen as in the paper's final setting: neither weights nor batch statistics change in training.
        """
        state = {self._own_name(name): tensor for name, tensor in _frontend_tensors(path).items()}
        first = state.get("stem.0.weight")
        if first is not None and first.dim() == 5:
            state["stem.0.weight"] = first.squeeze(1)
        own = self.state_dict()
        missing = sorted(set(own) - set(state))
        unknown = sorted(set(state) - set(own))
        wrong = sorted(name for name in set(own) & set(state) if own[name].shape != state[name].shape)
        if missing or unknown or wrong:
            raise WeightsError(
                f"{path}: expected a front end of this config's shape, got {len(missing)} missing {missing[:3]}, "
                f"{len(unknown)} unknown {unknown[:3]} and {len(wrong)} misshapen tensors {wrong[:3]}; "
                "use a ResNet-18 PReLU front end with the paper config"
            )
        self.load_state_dict(state)
        self.frozen = True
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> VisualEncoder:
        """As any module, save that a frozen encoder stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    def _own_name(self, name: str) -> str:
        """`frontend3D.0.weight` -> `stem.0.weight`; `trunk.layer2.1.conv1.weight` -> `trunk.3.conv1.weight`."""
        parts = name.split(".")
        if parts[0] == "frontend3D":
            return ".".join(["stem", *parts[1:]])
        if len(parts) < 4 or not parts[2].isdigit():
            return name
        layer = parts[1].removeprefix("layer")
        if not layer.isdigit() or not 1 <= int(layer) <= len(self.blocks):
            return name
        return ".".join(["trunk", str(sum(self.blocks[: int(layer) - 1]) + int(parts[2])), *parts[3:]])


def _frontend_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of the front end by their names from `frontend3D` or `trunk` on, whatever holds them."""
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; expected the weights of a lip-reading front end") from None
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path}: expected tensors only, got other objects or a broken file; "
            "save its state dict alone as safetensors and load that"
        ) from None
    except (SafetensorError, OSError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: expected a safetensors file or a torch checkpoint: {error}") from None
    for key in ("model_state_dict", "model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    found: dict[str, Tensor] = {}
    for name, tensor in content.items() if isinstance(content, dict) else ():
        parts = str(name).split(".")
        starts = [i for i, part in enumerate(parts) if part in ("frontend3D", "trunk")]
        if starts and isinstance(tensor, Tensor):
            found[".".join(parts[starts[0] :])] = tensor
    if not found:
        raise WeightsError(f"{path}: expected tensors named frontend3D.* and trunk.*, got none")
    return found
