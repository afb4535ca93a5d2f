"""When the GPU's memory does not suffice: smaller windows, then the CPU, and the user is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from imagintalk.config import Config, load_config
from imagintalk.dubbing.options import DubOptions
from imagintalk.types import Clip
from imagintalk_server import dubber
from imagintalk_server.protocol import ClipRequest
from imagintalk_server.session import Tell


@dataclass
class Narrow:
    """A pipeline that has memory for windows up to a length, or for none."""

    fits: int
    """50 Hz frames."""
    device: str = "cuda"
    parts: Any = None
    tried: list[int] = field(default_factory=list)

    def run(self, clip: Clip, options: DubOptions, notify: object) -> str:
        window = self.parts.config.diffusion.window_frames
        self.tried.append(window)
        if window > self.fits:
            raise torch.OutOfMemoryError(f"{window} frames")
        return f"made on {self.device} in {window}"


@pytest.fixture
def config() -> Config:
    return load_config("small")


def narrow(config: Config, fits: int, device: str = "cuda") -> Narrow:
    return Narrow(fits, device, SimpleNamespace(config=config, device=torch.device("cpu")))


def run(monkeypatch: pytest.MonkeyPatch, gpu: Narrow, cpu: Narrow) -> tuple[Any, list[str]]:
    loaded = {"auto": gpu, "cpu": cpu}
    monkeypatch.setattr(dubber.Pipeline, "load", lambda model, device: loaded[device])
    notes: list[str] = []
    tell = Tell(lambda stage, fraction: None, notes.append)
    found = dubber.Dubber()._with_memory_at_hand(Clip(Path("a.mp4")), DubOptions(), tell)
    return found, notes


def test_windows_shrink_until_they_fit(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    whole = config.diffusion.window_frames
    gpu = narrow(config, fits=whole // 2)
    found, notes = run(monkeypatch, gpu, narrow(config, fits=whole))
    assert found == f"made on cuda in {whole // 2}"
    assert gpu.tried == [whole, whole // 2]
    assert [f"windows of {whole / 100:g} s" in note for note in notes] == [True]
    assert gpu.parts.config is config  # the next clip starts with whole windows again


def test_the_cpu_is_the_last_resort(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    gpu, cpu = narrow(config, fits=0), narrow(config, fits=10**6, device="cpu")
    found, notes = run(monkeypatch, gpu, cpu)
    assert found == f"made on cpu in {config.diffusion.window_frames}"
    assert min(gpu.tried) >= dubber._LEAST_WINDOW
    assert "on the CPU" in notes[-1]


def test_enough_memory_says_nothing(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    assert run(monkeypatch, narrow(config, fits=10**6), narrow(config, fits=0))[1] == []


def test_a_model_that_does_not_fit_is_loaded_on_the_cpu(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    cpu = narrow(config, fits=10**6, device="cpu")

    def load(model: None, device: str) -> Narrow:
        if device == "auto":
            raise torch.OutOfMemoryError("of the model")
        return cpu

    monkeypatch.setattr(dubber.Pipeline, "load", load)
    found = dubber.Dubber()
    assert found.device == "cpu"
    assert "for the model" in found._note


def test_too_little_memory_of_the_machine_is_told_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def greedy(clip: Clip, options: DubOptions, notify: object) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    pipeline = narrow(load_config("small"), fits=0)
    pipeline.run = greedy  # type: ignore[assignment, method-assign]
    monkeypatch.setattr(dubber.Pipeline, "load", lambda model, device: pipeline)
    tell = Tell(lambda stage, fraction: None, lambda sentence: None)
    with pytest.raises(MemoryError, match="shorter range"):
        dubber.Dubber().dub(ClipRequest("a.mp4"), tmp_path / "a.mp4", tmp_path, tell)
