"""Weights that other people publish behind a hub or a download: what they are, whose, and how to get them.

Nothing here is fetched unasked. A checksum is stated only where the publisher gives one; without, a fetched file is
taken as it comes, and `External.verified` says so.
"""

from __future__ import annotations

import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import platformdirs

from imagintalk.errors import OptionError, WeightsError
from imagintalk.provenance import sha256_of
from imagintalk.types import Notify, Progress

_CHUNK = 1 << 20
_TIMEOUT_S = 30

HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True)
class ExternalFile:
    """One file of a set of weights."""

    name: str
    """Path inside the folder of these weights."""
    url: str | None
    """None: what is read has no direct download."""
    sha256: str | None = None
    """As many leading hex digits as the publisher gives; None: none."""


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
        """True when every file has a published checksum."""
        return all(file.sha256 for file in self.files)


def _from_hub(repository: str, *names: str) -> tuple[ExternalFile, ...]:
    return tuple(ExternalFile(name, f"{HUGGING_FACE}/{repository}/resolve/main/{name}") for name in names)


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
                "d7cc33bc",
            ),
        ),
    ),
    External(
        "hubert",
        "speech features for content tokens",
        "Apache-2.0",
        f"{HUGGING_FACE}/facebook/hubert-base-ls960",
        _from_hub("facebook/hubert-base-ls960", "config.json", "pytorch_model.bin", "preprocessor_config.json"),
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
    """Where fetched weights lie, one folder per name."""
    return Path(platformdirs.user_data_dir("imagintalk")) / "weights"


def external_weights(name: str) -> Path:
    """The file of external weights, or their folder when they are several or an archive.

    Raises OptionError for an unknown name, WeightsError with the command that fetches them when they are not there.
    """
    external = _known(name)
    folder = weights_folder() / name
    if is_there(external):
        return folder if external.unpack or len(external.files) > 1 else folder / external.files[0].name
    raise WeightsError(
        f"{folder}: expected the weights {name} ({external.role}), they are not there;"
        f" get them with `imagintalk weights fetch {name}` (licence: {external.licence})"
    )


def fetch(name: str, notify: Notify) -> Path:
    """Download external weights whole into the user's folder, or leave them as they are when they are there.

    Raises OptionError for an unknown name; WeightsError when there is no network, no space, no direct download, or the
    checksum is wrong: then nothing is left behind. What `notify` raises stops the download alike.
    """
    external = _known(name)
    folder = weights_folder() / name
    target = folder if external.unpack else folder / external.files[0].name
    by_hand = f"put it at {target} yourself (see {external.page})"
    if is_there(external):
        return external_weights(name)
    urls = [file.url for file in external.files if file.url is not None]
    if len(urls) < len(external.files):
        raise WeightsError(f"{name}: no direct download of what is read; {external.preparation} and {by_hand}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as work:
            whole = Path(work) / "whole"
            _download_all(external, urls, whole, notify)
            shutil.rmtree(folder, ignore_errors=True)
            whole.rename(folder)
    except (OSError, HTTPException) as error:
        reason = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else str(error)
        raise WeightsError(
            f"{name}: cannot be downloaded to {folder} ({reason}); check network and disk space, or {by_hand}"
        ) from None
    return external_weights(name)


def _known(name: str) -> External:
    if name not in EXTERNAL:
        raise OptionError(f"weights {name!r} are unknown; expected one of {', '.join(EXTERNAL)}")
    return EXTERNAL[name]


def is_there(external: External) -> bool:
    """Whether the weights lie in the user's folder, all files of them."""
    folder = weights_folder() / external.name
    if external.unpack:
        return folder.is_dir() and any(folder.iterdir())
    return all((folder / file.name).is_file() for file in external.files)


def _download_all(external: External, urls: list[str], folder: Path, notify: Notify) -> None:
    for index, (file, url) in enumerate(zip(external.files, urls, strict=True)):
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        for share in _download(url, path):
            notify(Progress(f"fetching {external.name}", (index + share) / len(urls)))
        came = sha256_of(path)
        if file.sha256 and not came.startswith(file.sha256):
            raise WeightsError(f"{url}: expected SHA-256 {file.sha256}, got {came}; fetch it again later")
        if external.unpack:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)
            except zipfile.BadZipFile:
                raise WeightsError(f"{url}: expected a zip archive, it is damaged; fetch it again") from None
            path.unlink()


def _download(url: str, path: Path) -> Iterator[float]:
    """Write what lies at `url` to `path`, yielding the share done."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response, path.open("wb") as out:
        total = int(response.headers.get("Content-Length") or 0)
        done = 0
        while chunk := response.read(_CHUNK):
            out.write(chunk)
            done += len(chunk)
            yield min(done / total, 1.0) if total else 0.0
        if done < total:
            raise WeightsError(f"{url}: expected {total} bytes, the connection broke after {done}; fetch it again")
