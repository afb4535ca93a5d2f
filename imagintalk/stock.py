"""How models and weights of others come into the user's store: pulled over HTTP, or imported from the disk.

    models/<name>/       model.json and what it lists
    weights/<name>/      files of others, and a receipt
    downloads/<name>/    what is still coming, so that an interrupted pull goes on

What is in the store is whole: it is brought together elsewhere, checked, and moved there in one step.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from imagintalk.download import download
from imagintalk.errors import OptionError, WeightsError
from imagintalk.external import EXTERNAL, External, external_weights, is_there, known_external, weights_folder
from imagintalk.models import EMBEDDED_MODELS, EXTRAS, MODEL_FILE, ModelStore, user_models
from imagintalk.provenance import sha256_of
from imagintalk.receipt import write_receipt
from imagintalk.types import Notify, Progress

BY_HAND = "by hand"


def downloads_folder() -> Path:
    """Where downloads lie until they are whole."""
    return Path(platformdirs.user_data_dir("imagintalk")) / "downloads"


def pull_weights(name: str, notify: Notify) -> Path:
    """Download weights of others, or leave them as they are when they are there. Returns their file or folder.

    Raises OptionError for an unknown name; WeightsError when there is no network, no space, no direct download, or a
    checksum is wrong. An interrupted download, also by what `notify` raises, goes on with the next call.
    """
    external = known_external(name)
    if is_there(external):
        return external_weights(name)
    if any(file.url is None for file in external.files):
        raise WeightsError(
            f"{name}: no direct download of what is read; {external.preparation} as {external.files[0].name}"
            f" and bring it with `imagintalk models import` (see {external.page})"
        )
    with _in_words(name):
        work = downloads_folder() / name
        work.mkdir(parents=True, exist_ok=True)
        report = _Report(f"pulling {name}", external.bytes, notify)
        for file in external.files:
            path = work / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                download(str(file.url), path, file.sha256, report)
            report.next_file(path)
        _settle_weights(external, work, ", ".join(str(file.url) for file in external.files))
    return external_weights(name)


def pull_model(url: str, name: str | None, sha256: str | None, notify: Notify) -> Path:
    """Download a model from the address of its model.json, or of the folder that holds it. Returns its folder.

    name: in the store; None: the model's own. sha256: of the model, as `ModelStore.sha256`, or its first digits.
    Raises as `pull_weights`, and WeightsError when the store holds another model of that name.
    """
    address = url if url.endswith(f"/{MODEL_FILE}") else f"{url.rstrip('/')}/{MODEL_FILE}"
    with _in_words(url):
        work = downloads_folder() / hashlib.sha256(address.encode()).hexdigest()[:16]
        work.mkdir(parents=True, exist_ok=True)
        card = work / MODEL_FILE
        card.unlink(missing_ok=True)
        download(address, card, None, lambda done: None)
        store = ModelStore(work)
        if sha256 and not store.sha256.startswith(sha256.lower()):
            raise WeightsError(f"{url}: expected a model with SHA-256 {sha256}, got {store.sha256}; check the address")
        target = _place_for(store, name or store.name)
        report = _Report(f"pulling {target.name}", store.bytes, notify)
        for file, digest in store.checksums.items():
            path = work / file
            if not path.exists():
                download(f"{address[: -len(MODEL_FILE)]}{file}", path, digest, report)
            report.next_file(path)
        _settle_model(store, target, address)
    return target


def import_model(folder: Path, name: str | None, notify: Notify) -> Path:
    """Copy a model folder into the store once all its checksums are found right. Returns where it lies now.

    Raises WeightsError: no model, damaged, no space, or the store holds another model of that name.
    """
    store = ModelStore(folder)
    target = _place_for(store, name or store.name)
    with _in_words(str(folder)), _workplace(target) as work:
        shutil.copyfile(folder / MODEL_FILE, work / MODEL_FILE)
        for number, path in enumerate(store.checked_files(), 1):
            shutil.copyfile(path, work / path.name)
            notify(Progress(f"importing {target.name}", number / len(store.checksums)))
        for extra in EXTRAS:
            if (folder / extra).is_file() and extra not in store.checksums:
                shutil.copyfile(folder / extra, work / extra)
                ModelStore(work).enter_extra(extra)
        copied = ModelStore(work)
        for _ in copied.checked_files():
            pass
        _settle_model(copied, target, BY_HAND)
    return target


def import_weights(path: Path, name: str | None, notify: Notify) -> Path:
    """Copy weights of others that were downloaded by hand into the store. Returns their file or folder there.

    path: the file, or the folder that holds the files. name: in the register; None: the one whose files are named so.
    Raises OptionError, WeightsError.
    """
    external = known_external(name) if name else _external_of(path)
    found = [path / file.name if path.is_dir() else path for file in external.files]
    missing = [file.name for file in found if not file.is_file()]
    if missing or (path.is_file() and len(found) > 1):
        names = ", ".join(file.name for file in external.files)
        raise WeightsError(f"{path}: expected {names} for {external.name}; give the folder that holds all of them")
    with _in_words(str(path)), _workplace(weights_folder() / external.name) as work:
        for number, (source, file) in enumerate(zip(found, external.files, strict=True), 1):
            copy = work / file.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            came = sha256_of(copy)
            if file.sha256 and came != file.sha256:
                raise WeightsError(f"{source}: expected SHA-256 {file.sha256}, got {came}; get it again")
            notify(Progress(f"importing {external.name}", number / len(found)))
        _settle_weights(external, work, BY_HAND)
    return external_weights(external.name)


class _Report:
    """Bytes of several files as the share of all."""

    def __init__(self, stage: str, total: int | None, notify: Notify) -> None:
        self._stage, self._total, self._notify = stage, total, notify
        self._before = 0

    def __call__(self, done: int) -> None:
        share = min((self._before + done) / self._total, 1.0) if self._total else 0.0
        self._notify(Progress(self._stage, share))

    def next_file(self, path: Path) -> None:
        """This one is whole."""
        self._before += path.stat().st_size
        self(0)


def _external_of(path: Path) -> External:
    names = {path.name} if path.is_file() else {p.name for p in path.iterdir()} if path.is_dir() else set()
    for external in EXTERNAL.values():
        if {file.name for file in external.files} <= names:
            return external
    known = "; ".join(f"{e.name}: {', '.join(file.name for file in e.files)}" for e in EXTERNAL.values())
    raise WeightsError(
        f"{path}: expected a folder with {MODEL_FILE}, or weights named as their publishers do ({known}); rename them"
        " or say which they are with --as NAME"
    )


def _place_for(store: ModelStore, name: str) -> Path:
    """Where a model of that name goes. Raises OptionError for a bad name, WeightsError when it is another's."""
    if Path(name).name != name or name.startswith("."):
        raise OptionError(f"name {name!r}: expected a plain name for the model; give one with --as NAME")
    if name in EXTERNAL:
        raise OptionError(f"name {name!r}: is that of weights of others; give another with --as NAME")
    for folder in (EMBEDDED_MODELS / name, user_models() / name):
        if (folder / MODEL_FILE).exists():
            same = ModelStore(folder).sha256 == store.sha256
            what = "this very model is there already" if same else f"{folder} is another model"
            raise WeightsError(f"{name}: {what}; give another name with --as NAME, or remove that folder")
    return user_models() / name


def _settle_model(store: ModelStore, target: Path, source: str) -> None:
    store.enter_source(target.name, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    store.folder.rename(target)


def _settle_weights(external: External, work: Path, source: str) -> None:
    if external.unpack:
        archive = work / external.files[0].name
        try:
            with zipfile.ZipFile(archive) as content:
                content.extractall(work)
        except zipfile.BadZipFile:
            archive.unlink()
            raise WeightsError(f"{external.name}: expected a zip archive, it is damaged; get it again") from None
        archive.unlink()
    write_receipt(work, external, source)
    target = weights_folder() / external.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    work.rename(target)


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """A folder beside `target` that may be moved there; what is left of it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsError(f"{what}: no space left on the disk of {user_models().parent}; free some") from None
        raise WeightsError(
            f"{what}: cannot be brought into {user_models().parent} ({error.strerror or error}); check its permissions"
        ) from None
