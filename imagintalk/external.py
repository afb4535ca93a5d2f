"""Weights that other people publish behind a hub or a download: what they are, whose, and where they lie.

Nothing here is fetched unasked, and nothing here touches the network: `stock.py` brings them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from imagintalk.errors import OptionError, WeightsError

HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True)
class ExternalFile:
    """One file of a set of weights."""

    name: str
    """Path inside the folder of these weights."""
    url: str | None
    """None: what is read has no direct download."""
    sha256: str | None = None
    """Hex, as those who publish or use the same release state it alike; None: each who prepares it has another."""
    bytes: int | None = None


@dataclass(frozen=True)
class External:
    """One set of weights."""

    name: str
    role: str
    licence: str
    """As the publisher states it, of the weights where the code has another."""
    page: str
    """Where people read about it."""
    files: tuple[ExternalFile, ...]
    unpack: bool = False
    """The one file is a zip archive, and its content is what is wanted."""
    preparation: str = ""
    """What a user has to do by hand where there is no direct download, before the file is put in place."""

    @property
    def verified(self) -> bool:
        """True when the checksum of every file is known."""
        return all(file.sha256 for file in self.files)

    @property
    def bytes(self) -> int | None:
        """Size of the download; None: not known."""
        sizes = [file.bytes for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size)


def _of_hubert(name: str, sha256: str, size: int) -> ExternalFile:
    revision = "dba3bb02fda4248b6e082697eee756de8fe8aa8a"
    return ExternalFile(name, f"{HUGGING_FACE}/facebook/hubert-base-ls960/resolve/{revision}/{name}", sha256, size)


_ALL = (
    External(
        "encodec-24khz",
        "codec",
        "code MIT since 2023, before that CC BY-NC 4.0; nothing is said of the weights, see the page",
        "https://github.com/facebookresearch/encodec",
        (
            ExternalFile(
                "encodec_24khz-d7cc33bc.th",
                "https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",
                "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
                93_171_529,
            ),
        ),
    ),
    External(
        "hubert",
        "speech features for content tokens",
        "Apache-2.0",
        f"{HUGGING_FACE}/facebook/hubert-base-ls960",
        (
            _of_hubert("config.json", "56be398848bbd9cbc720172b0d45b2f01cac7652f2968f0f31f5faf9f2986acc", 1385),
            _of_hubert(
                "pytorch_model.bin", "062249fffb353eab67547a2fbc129f7c31a2f459faf641b19e8fb007cc5c48ad", 377_569_754
            ),
            _of_hubert(
                "preprocessor_config.json", "4a93853b74278b7c769d07f5a861e5d12ceb5db2bced5620d335f87238cb9e86", 213
            ),
        ),
    ),
    External(
        "buffalo_l",
        "face identity (ArcFace)",
        "non-commercial research",
        "https://github.com/deepinsight/insightface/tree/master/model_zoo",
        (
            ExternalFile(
                "buffalo_l.zip",
                "https://github.com/deepinsight/insightface/releases/download/model-zoo/buffalo_l.zip",
                "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
                288_621_354,
            ),
        ),
        unpack=True,
    ),
    External(
        "facenet",
        "face identity (FaceNet, VGGFace2)",
        "code MIT; nothing is said of the weights, see the page and VGGFace2's",
        "https://github.com/timesler/facenet-pytorch",
        (
            ExternalFile(
                "20180402-114759-vggface2.pt",
                "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
                "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
                111_898_327,
            ),
        ),
    ),
    External(
        "poster2-onnx",
        "facial expression (Poster++, as an ONNX export)",
        "code MIT; nothing is said of the weights, see the page and AffectNet's",
        "https://github.com/Talented-Q/POSTER_V2",
        (ExternalFile("poster2.onnx", None),),
        preparation="take affectnet-8-model_best.pth from their page, export it to ONNX",
    ),
    External(
        "av-hubert",
        "lip-reading front end",
        "AV-HuBERT licence: non-commercial research",
        "https://facebookresearch.github.io/av_hubert",
        (ExternalFile("frontend.safetensors", None),),
        preparation="take base_vox_iter5.pt from their page, save its state dict alone with safetensors",
    ),
)
EXTERNAL: dict[str, External] = {external.name: external for external in _ALL}


def weights_folder() -> Path:
    """Where weights of others lie, one folder per name."""
    return Path(platformdirs.user_data_dir("imagintalk")) / "weights"


def external_weights(name: str) -> Path:
    """The file of external weights, or their folder when they are several or an archive.

    Raises OptionError for an unknown name, WeightsError with the command that fetches them when they are not there.
    """
    external = known_external(name)
    folder = weights_folder() / name
    if is_there(external):
        return folder if external.unpack or len(external.files) > 1 else folder / external.files[0].name
    raise WeightsError(
        f"{folder}: expected the weights {name} ({external.role}), they are not there;"
        f" get them with `imagintalk models pull {name}` (licence: {external.licence})"
    )


def known_external(name: str) -> External:
    """Raises OptionError with the names that there are."""
    if name not in EXTERNAL:
        raise OptionError(f"weights {name!r} are unknown; expected one of {', '.join(EXTERNAL)}")
    return EXTERNAL[name]


def is_there(external: External) -> bool:
    """Whether the weights lie in the user's folder, all files of them."""
    folder = weights_folder() / external.name
    if external.unpack:
        return folder.is_dir() and any(folder.iterdir())
    return all((folder / file.name).is_file() for file in external.files)
