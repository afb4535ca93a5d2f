"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings, which may not lie in the repository; a test that needs them is skipped where there are none."""
    folder = _REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings in ../shared/data beside the repository")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return _REPOSITORY


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole model of random weights, of the size `tiny`."""
    import torch  # slow to import: only for tests that dub

    from imagintalk.codec.codec import Codec
    from imagintalk.config import load_config
    from imagintalk.diffusion.dit import StyleDiT
    from imagintalk.lip.aligner import LipAligner
    from imagintalk.lip.detector import ErrorDetector
    from imagintalk.models import ModelStore
    from imagintalk.refine.language import TokenLanguageModel
    from imagintalk.style.identity import IdentityAdapter
    from imagintalk.tokens.build import build_tokenizer

    torch.manual_seed(0)
    config = load_config("tiny")
    lips = {"aligner": LipAligner(config.lips, config.tokens), "detector": ErrorDetector(config.lips)}
    store = ModelStore.create(tmp_path_factory.mktemp("model") / "tiny", config, "CC0", {})
    codec = Codec(config.codec)
    codec.quantizer.start(torch.randn(64, config.codec.dimension))  # its codebooks are all zero until then
    store.save_part("codec", codec, {})
    store.save_part("language", TokenLanguageModel(config.language, config.tokens), {})
    store.save_part("lips", torch.nn.ModuleDict(lips), {})
    store.save_part("style", IdentityAdapter(config.style), {})
    tokenizer = build_tokenizer(config.tokens)
    tokenizer.load_state_dict({name: torch.randn(value.shape) for name, value in tokenizer.state_dict().items()})
    store.save_part("tokens", tokenizer, {})
    store.save_part("diffusion", StyleDiT(config.diffusion, config.codec, config.content_width), {})
    return store.folder


@pytest.fixture(scope="session")
def talking_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn head that speaks for three seconds: 75 frames at 25 fps, with sound."""
    from imagintalk.drawn.render import draw_clip
    from imagintalk.drawn.sentence import sample_sentences

    path = tmp_path_factory.mktemp("drawn") / "talking.mp4"
    draw_clip(sample_sentences(1, "test", 0)[0], 0, path)
    return path


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """tests/blender runs in processes of its own (test_blender.py), unless it is named on the command line."""
    blender = Path(__file__).parent / "blender"
    named = any(
        blender in (path := Path(arg.split("::")[0]).resolve()).parents or path == blender for arg in config.args
    )
    return True if blender in (collection_path, *collection_path.parents) and not named else None
