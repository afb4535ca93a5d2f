"""Published lip-reading front ends load into the visual encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from imagintalk.config import load_config
from imagintalk.errors import WeightsError
from imagintalk.lip.visual import VisualEncoder

PUBLISHED = dict(zip(range(1, 5), (64, 128, 256, 512), strict=True))


def _batch_norm(name: str, channels: int) -> dict[str, Tensor]:
    return {
        f"{name}.weight": torch.rand(channels) + 0.5,
        f"{name}.bias": torch.randn(channels),
        f"{name}.running_mean": torch.randn(channels),
        f"{name}.running_var": torch.rand(channels) + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(3),
    }


def _published_state() -> dict[str, Tensor]:
    """Random tensors with the names and shapes of AV-HuBERT's and Lipreading-TCN's ResNet-18."""
    torch.manual_seed(0)
    state = {"frontend3D.0.weight": torch.randn(64, 1, 5, 7, 7) / 16, "frontend3D.2.weight": torch.rand(64)}
    state |= _batch_norm("frontend3D.1", 64)
    inputs = 64
    for layer, channels in PUBLISHED.items():
        for block in (0, 1):
            name = f"trunk.layer{layer}.{block}"
            state[f"{name}.conv1.weight"] = torch.randn(channels, inputs, 3, 3) / 30
            state[f"{name}.conv2.weight"] = torch.randn(channels, channels, 3, 3) / 30
            state |= _batch_norm(f"{name}.bn1", channels) | _batch_norm(f"{name}.bn2", channels)
            state |= {f"{name}.relu1.weight": torch.rand(channels), f"{name}.relu2.weight": torch.rand(channels)}
            if inputs != channels:
                state[f"{name}.downsample.0.weight"] = torch.randn(channels, inputs, 1, 1) / 10
                state |= _batch_norm(f"{name}.downsample.1", channels)
            inputs = channels
    return state


def _reference(state: dict[str, Tensor], mouth: Tensor) -> Tensor:
    """The published network, written out: (1, T, 88, 88) -> (T, 512)."""
    f = nn.functional

    def norm(x: Tensor, name: str) -> Tensor:
        s = {key: state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")}
        return f.batch_norm(x, s["running_mean"], s["running_var"], s["weight"], s["bias"])

    x = f.conv3d(mouth[:, None], state["frontend3D.0.weight"], stride=(1, 2, 2), padding=(2, 3, 3))
    x = f.prelu(norm(x, "frontend3D.1"), state["frontend3D.2.weight"])
    x = f.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))[0].transpose(0, 1)
    for layer in PUBLISHED:
        for block in (0, 1):
            name, stride = f"trunk.layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = norm(f.conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1")
            y = f.conv2d(f.prelu(y, state[f"{name}.relu1.weight"]), state[f"{name}.conv2.weight"], padding=1)
            if f"{name}.downsample.0.weight" in state:
                x = norm(f.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
            x = f.prelu(norm(y, f"{name}.bn2") + x, state[f"{name}.relu2.weight"])
    return x.mean((2, 3))


@pytest.fixture(scope="module")
def encoder() -> VisualEncoder:
    return VisualEncoder(load_config("paper").lips).eval()


@pytest.mark.parametrize("layout", ["av-hubert", "lipreading-tcn", "safetensors"])
def test_loaded_front_end_computes_what_the_published_one_does(
    layout: str, encoder: VisualEncoder, tmp_path: Path
) -> None:
    state = _published_state()
    if layout == "av-hubert":
        path = tmp_path / "avhubert.pt"
        wrapped = {f"feature_extractor_video.resnet.{name}": tensor for name, tensor in state.items()}
        torch.save({"model": wrapped | {"encoder.layer_norm.weight": torch.ones(4)}}, path)
    elif layout == "lipreading-tcn":
        path = tmp_path / "tcn.pth.tar"
        torch.save({"model_state_dict": state | {"tcn.weight": torch.ones(4)}, "epoch_idx": 3}, path)
    else:
        path = tmp_path / "frontend.safetensors"
        save_file(state, path)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.1)
    encoder.load_frontend(path)
    mouth = torch.randn(1, 3, 88, 88)
    with torch.no_grad():
        torch.testing.assert_close(encoder(mouth, torch.tensor([3]))[0], _reference(state, mouth), rtol=1e-3, atol=1e-3)


def test_front_end_that_does_not_fit_is_refused_and_changes_nothing(encoder: VisualEncoder, tmp_path: Path) -> None:
    state = _published_state()
    missing = {name: tensor for name, tensor in state.items() if "layer3" not in name}
    misshapen = state | {"frontend3D.0.weight": torch.randn(32, 1, 5, 7, 7)}
    unknown = state | {"trunk.layer5.0.conv1.weight": torch.randn(3)}
    foreign = {"encoder.weight": torch.randn(3)}
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    for name, content in {"missing": missing, "misshapen": misshapen, "unknown": unknown, "foreign": foreign}.items():
        path = tmp_path / f"{name}.safetensors"
        save_file(content, path)
        with pytest.raises(WeightsError, match=name if name != "foreign" else "frontend3D"):
            encoder.load_frontend(path)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize("name", ["junk.safetensors", "junk.pt", "absent.pt", "objects.pt"])
def test_unusable_file_is_named(name: str, encoder: VisualEncoder, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith("junk"):
        path.write_bytes(b"no weights here")
    elif name == "objects.pt":
        torch.save({"cfg": Path("anything"), "model": {}}, path)
    with pytest.raises(WeightsError, match=name):
        encoder.load_frontend(path)
