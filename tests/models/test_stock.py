"""What comes into the weights store comes whole, from a real server or from the disk."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest
from web import Web

from imagintalk.errors import Cancelled, OptionError, WeightsError
from imagintalk.external import EXTERNAL, External, ExternalFile, external_weights, weights_folder
from imagintalk.models import MODEL_FILE, ModelStore, find_model, user_models
from imagintalk.receipt import checked_files, read_receipt
from imagintalk.stock import downloads_folder, import_model, import_weights, pull_model, pull_weights
from imagintalk.types import Progress

CONTENT = bytes(range(256)) * 20_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def enter(monkeypatch: pytest.MonkeyPatch, *files: ExternalFile, unpack: bool = False) -> External:
    toy = External("toy", "a toy", "CC0", "https://example.org/toy", files, unpack, "make it yourself")
    monkeypatch.setitem(EXTERNAL, "toy", toy)
    return toy


def quiet(progress: Progress) -> None:
    pass


def serve(served: Web, model: Path) -> str:
    """The address of a model's folder."""
    served.files = {f"m/{path.name}": path.read_bytes() for path in model.iterdir()}
    return f"{served.address}/m"


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_one_file_is_pulled_with_progress_checked_and_not_pulled_twice(
    home: Path, served: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.files = {"toy.pt": CONTENT}
    toy = enter(monkeypatch, ExternalFile("toy.pt", f"{served.address}/toy.pt", SHA256, len(CONTENT)))
    seen: list[float] = []
    path = pull_weights("toy", lambda progress: seen.append(progress.fraction))
    assert path == external_weights("toy") == home / "weights" / "toy" / "toy.pt" and path.read_bytes() == CONTENT
    assert len(seen) > 3 and seen == sorted(seen) and seen[-1] == 1
    receipt = read_receipt(path.parent)
    assert receipt is not None and receipt.licence == "CC0" and receipt.source == f"{served.address}/toy.pt"
    assert list(checked_files(path.parent, toy)) == [(path, True)]
    assert pull_weights("toy", quiet) == path and len(served.asked) == 1
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsError, match=f"expected SHA-256 {SHA256}.*imagintalk models pull toy"):
        list(checked_files(path.parent, toy))


def test_of_several_files_those_that_came_are_kept(home: Path, served: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, *(ExternalFile(f"deep/{n}", f"{served.address}/{n}") for n in ("config.json", "weights.bin")))
    served.files = {"config.json": b"{}"}
    with pytest.raises(WeightsError, match="weights.bin: expected a file, got HTTP 404"):
        pull_weights("toy", quiet)
    assert listing(weights_folder()) == []
    served.files = {"weights.bin": CONTENT}
    path = pull_weights("toy", quiet)
    assert path == weights_folder() / "toy" and (path / "deep" / "weights.bin").read_bytes() == CONTENT
    assert listing(downloads_folder()) == []


def test_an_archive_is_unpacked_and_a_damaged_one_leaves_nothing(
    home: Path, served: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = enter(monkeypatch, ExternalFile("toy.zip", f"{served.address}/toy.zip"), unpack=True)
    served.files = {"toy.zip": CONTENT}
    with pytest.raises(WeightsError, match="expected a zip archive"):
        pull_weights("toy", quiet)
    assert listing(weights_folder()) == [] and listing(downloads_folder() / "toy") == []
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as archive:
        archive.writestr("inner.onnx", "inner")
    served.files = {"toy.zip": (tmp_path / "toy.zip").read_bytes()}
    path = pull_weights("toy", quiet)
    assert listing(path) == ["inner.onnx", "receipt.json"]
    assert [(file.name, compared) for file, compared in checked_files(path, toy)] == [("inner.onnx", True)]


def test_weights_without_a_direct_download_are_imported(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = enter(monkeypatch, ExternalFile("toy.onnx", None))
    with pytest.raises(
        WeightsError, match="no direct download.*make it yourself as toy.onnx.*imagintalk models import"
    ):
        pull_weights("toy", quiet)
    made = tmp_path / "toy.onnx"
    made.write_bytes(CONTENT)
    path = import_weights(made, None, quiet)
    assert path == external_weights("toy") and path.read_bytes() == CONTENT and made.exists()
    assert list(checked_files(path.parent, toy)) == [(path, True)]


def test_imported_weights_are_checked_against_the_register(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, ExternalFile("a.bin", "https://a", SHA256), ExternalFile("b.bin", "https://b"))
    folder = tmp_path / "by-hand"
    folder.mkdir()
    (folder / "a.bin").write_bytes(CONTENT[1:])
    with pytest.raises(WeightsError, match="expected a.bin, b.bin for toy"):
        import_weights(folder, "toy", quiet)
    (folder / "b.bin").write_bytes(b"b")
    with pytest.raises(WeightsError, match=f"a.bin: expected SHA-256 {SHA256}"):
        import_weights(folder, None, quiet)
    assert listing(weights_folder()) == []
    (folder / "a.bin").write_bytes(CONTENT)
    assert listing(import_weights(folder, None, quiet)) == ["a.bin", "b.bin", "receipt.json"]
    with pytest.raises(WeightsError, match="expected a folder with model.json, or weights named as"):
        import_weights(tmp_path, None, quiet)


def test_a_model_is_pulled_by_its_address(home: Path, served: Web, tiny_model: Path) -> None:
    address, sha256 = serve(served, tiny_model), ModelStore(tiny_model).sha256
    folder = pull_model(address, "mine", sha256[:12], quiet)
    assert folder == user_models() / "mine" == find_model("mine")
    store = ModelStore(folder)
    assert store.sha256 == sha256 and store.name == "mine" and store.source == f"{address}/{MODEL_FILE}"
    assert len(list(store.checked_files())) == 6
    with pytest.raises(WeightsError, match="mine: this very model is there already"):
        pull_model(f"{address}/{MODEL_FILE}", "mine", None, quiet)
    with pytest.raises(WeightsError, match=f"expected a model with SHA-256 00, got {sha256}"):
        pull_model(address, "other", "00", quiet)


def test_an_interrupted_model_goes_on(home: Path, served: Web, tiny_model: Path) -> None:
    address = serve(served, tiny_model)

    def stop(progress: Progress) -> None:
        if progress.fraction > 0.6:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        pull_model(address, None, None, stop)
    assert listing(user_models()) == []
    before = len(served.asked)
    assert ModelStore(pull_model(address, None, None, quiet)).sha256 == ModelStore(tiny_model).sha256
    assert len(served.asked) - before < 6  # all files would be model.json and five parts


def test_a_model_that_is_not_what_its_card_says_is_refused(home: Path, served: Web, tiny_model: Path) -> None:
    address = serve(served, tiny_model)
    part = next(name for name in served.files if "codec-" in name)
    served.files[part] = served.files[part][:-1] + b"?"
    with pytest.raises(WeightsError, match="codec-.*expected SHA-256"):
        pull_model(address, None, None, quiet)
    card = served.files[f"m/{MODEL_FILE}"]
    served.files[f"m/{MODEL_FILE}"] = card.replace(part[2:].encode(), b"../../evil")
    with pytest.raises(WeightsError, match="expected names of files in its own folder"):
        pull_model(address, None, None, quiet)
    assert listing(user_models()) == []


def test_a_model_folder_is_imported_once_it_is_found_whole(home: Path, tiny_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "elsewhere"
    shutil.copytree(tiny_model, source)
    (source / "voices.json").write_text("[]", encoding="utf-8")
    folder = import_model(source, "mine", quiet)
    store = ModelStore(folder)
    assert store.source == "by hand" and "voices.json" in store.checksums
    assert sum(1 for _ in store.checked_files()) == 7
    (source / "voices.json").write_text("[1]", encoding="utf-8")
    assert sum(1 for _ in store.checked_files()) == 7  # it is a copy
    part = next(source.glob("style-*"))
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match="style-.*expected SHA-256"):
        import_model(source, "broken", quiet)
    assert listing(user_models()) == ["mine"]


@pytest.mark.parametrize("name", ["small", "hubert", "../up", ".hidden"])
def test_names_that_a_model_may_not_take(name: str, home: Path, tiny_model: Path) -> None:
    with pytest.raises((OptionError, WeightsError), match="--as NAME"):
        import_model(tiny_model, name, quiet)
    assert listing(user_models()) == []
