"""The weights store: a model is a folder with `model.json` and one safetensors file per trained part.

    model.json                        format, name, licences, config, and of each part: file, SHA-256, size, training;
                                      where it came from, and checksums of what it holds besides
    codec-1a2b3c4d5e6f.safetensors    half precision; named by its content, so that model.json changes over atomically

Models lie inside the package (the embedded default), in the user's data folder, or anywhere by path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from imagintalk.config import Config, config_from_dict, config_to_dict, sizes_of
from imagintalk.errors import ConfigError, WeightsError
from imagintalk.media.files import whole_file
from imagintalk.provenance import sha256_of

if TYPE_CHECKING:  # what only looks for models or reads their cards needs no torch
    from torch import Tensor, nn

FORMAT = 1
"""Raised when a part's file or model.json changes so that an older program would misread it."""

DEFAULT_MODEL = "small"
EMBEDDED_MODELS = Path(__file__).parent / "weights"
MODEL_FILE = "model.json"
_NAME_DIGITS = 12
"""Of the checksum, in the name of a part's file."""
EXTRAS = ("voices.json",)
"""Files that a model may have beside its parts; model.json lists their checksums too."""


def user_models() -> Path:
    """Where the user's own models lie, one folder per name."""
    return Path(platformdirs.user_data_dir("imagintalk")) / "models"


def find_model(name_or_path: str | Path = DEFAULT_MODEL) -> Path:
    """The folder of a model: embedded, in the user's folder, or a path. Raises WeightsError listing what there is."""
    places = [EMBEDDED_MODELS / name_or_path, user_models() / name_or_path, Path(name_or_path)]
    for place in places:
        if (place / MODEL_FILE).is_file():
            return place
    known = sorted(folder.name for folder in installed_models())
    raise WeightsError(
        f"{name_or_path}: no such model; expected one of {', '.join(known) or '(none is installed)'}"
        f" or a folder with {MODEL_FILE}; put it in {user_models()} or train one with `imagintalk train`"
    )


def installed_models() -> list[Path]:
    """Folders of the models that have a name: the embedded ones, then the user's."""
    roots = (EMBEDDED_MODELS, user_models())
    return [path.parent for root in roots for path in sorted(root.glob(f"*/{MODEL_FILE}"))]


class ModelStore:
    """One model folder. One process at a time may write it."""

    def __init__(self, folder: Path) -> None:
        """Open a model folder. Raises WeightsError when model.json is missing, damaged, or newer than the program."""
        self.folder = folder
        self._path = folder / MODEL_FILE
        self._card = self._read_card()

    @classmethod
    def create(cls, folder: Path, config: Config, licence: str, data_licences: Mapping[str, str]) -> ModelStore:
        """A new model without parts, or the one in the folder when its sizes are the config's; it takes its settings.

        data_licences: corpus → licence, of all that the model was trained on. Raises WeightsError, OutputError.
        """
        if (folder / MODEL_FILE).exists():
            store = cls(folder)
            if sizes_of(store.config) != sizes_of(config):
                raise WeightsError(
                    f"{folder}: expected a model with the config {config.name}, it holds {store.config.name} of other"
                    " sizes; choose another folder"
                )
        else:
            store = cls.__new__(cls)
            store.folder, store._path = folder, folder / MODEL_FILE
            store._card = {"format": FORMAT, "name": config.name, "files": {}}
        values = config_to_dict(config)
        store._card |= {"config": values, "licence": licence, "data_licences": dict(data_licences)}
        folder.mkdir(parents=True, exist_ok=True)
        store._write_card()
        return store

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self._card["name"])

    @property
    def config(self) -> Config:
        """The sizes that its parts were trained with. Raises WeightsError when the program does not know them."""
        try:
            return config_from_dict(self._card["config"], str(self._path))
        except ConfigError as error:
            raise WeightsError(f"{error}; the model was made by another version of the program") from None

    @property
    def card(self) -> dict[str, Any]:
        """All of model.json: licences, training facts, checksums."""
        return json.loads(json.dumps(self._card))

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that are there."""
        return tuple(self._card["files"])

    @property
    def sha256(self) -> str:
        """One checksum for the whole model: of its config and its parts' checksums."""
        content = {"config": self._card["config"], "parts": {n: f["sha256"] for n, f in self._card["files"].items()}}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def part_sha256(self, part: str) -> str:
        """Checksum of a part's file. Raises WeightsError when the model has no such part."""
        return str(self._entry(part)["sha256"])

    @property
    def checksums(self) -> dict[str, str]:
        """File name → SHA-256 in hex, of the parts' files and of what the model holds besides."""
        extras = {name: str(facts["sha256"]) for name, facts in self._card.get("extras", {}).items()}
        return {str(facts["file"]): str(facts["sha256"]) for facts in self._card["files"].values()} | extras

    @property
    def bytes(self) -> int:
        """Size of those files."""
        return sum(int(f["bytes"]) for f in (*self._card["files"].values(), *self._card.get("extras", {}).values()))

    @property
    def source(self) -> str:
        """Where it came from: an address, `by hand`, or nothing where it was trained."""
        return str(self._card.get("source", ""))

    def checked_files(self) -> Iterator[Path]:
        """Every file whose checksum the model tells, once it is found right. Raises WeightsError: missing, damaged."""
        for part in self.parts:
            yield self.checked_file(part)
        for name, facts in self._card.get("extras", {}).items():
            yield _checked(self.folder / name, facts["sha256"], name, "install the model again")

    def enter_extra(self, name: str) -> None:
        """Enter the checksum of one of EXTRAS as it is now. Raises OutputError."""
        path = self.folder / name
        self._card = self._read_card()
        self._card.setdefault("extras", {})[name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        self._write_card()

    def enter_source(self, name: str, source: str) -> None:
        """Enter under which name and from where the model was brought. Raises OutputError."""
        self._card = self._read_card() | {"name": name, "source": source}
        self._write_card()

    def load_part(self, part: str, module: nn.Module) -> None:
        """Fill a module with a part's weights, in the module's own precision and on its device.

        Raises WeightsError: the part or its file is missing, its checksum is wrong, or it does not fit the module.
        """
        path, again = self.checked_file(part), _again(part)
        tensors = _read_part(path, part, again)
        _check_fit(path, module, tensors, f"use the config that it was trained with, or {again}")
        module.load_state_dict(tensors)

    def checked_file(self, part: str) -> Path:
        """The file of a part, once its checksum is found right. Raises WeightsError: missing, or damaged."""
        entry = self._entry(part)
        return _checked(self.folder / entry["file"], entry["sha256"], f"the weights of {part}", _again(part))

    def save_part(self, part: str, module: nn.Module, training: Mapping[str, Any]) -> Path:
        """Write a module's weights in half precision and enter them in model.json; the old file stays until then.

        training: facts worth keeping (steps, data, validation figures), plain values. Returns the file.
        Raises OutputError when it cannot be written, WeightsError when a weight is not finite.
        """
        from safetensors.torch import save

        tensors = {name: _stored(f"{part}.{name}", tensor) for name, tensor in module.state_dict().items()}
        content = save(tensors, metadata=_label(part))
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / f"{part}-{digest[:_NAME_DIGITS]}.safetensors"
        with whole_file(path) as partial:
            partial.write_bytes(content)
        self._card = self._read_card()
        self._card["files"][part] = {
            "file": path.name,
            "sha256": digest,
            "bytes": len(content),
            "training": dict(training),
        }
        self._write_card()
        for other in self.folder.glob(f"{part}-{'[0-9a-f]' * _NAME_DIGITS}.safetensors"):
            if other != path:
                other.unlink()
        return path

    def _entry(self, part: str) -> dict[str, Any]:
        if part not in self._card["files"]:
            has = ", ".join(self.parts) or "none"
            raise WeightsError(
                f"{self._path}: expected the part {part}, it has {has}; train it with `imagintalk train {part}`"
            )
        entry: dict[str, Any] = self._card["files"][part]
        return entry

    def _read_card(self) -> dict[str, Any]:
        try:
            card = json.loads(self._path.read_text(encoding="utf-8"))
            found, files = card["format"], card["files"].values()
            whole = {"name", "config", "licence", "data_licences"} <= card.keys()
            whole = whole and all({"file", "sha256", "bytes", "training"} <= file.keys() for file in files)
            extras = card.get("extras", {})
            whole = whole and all({"sha256", "bytes"} <= facts.keys() for facts in extras.values())
            names = [*extras, *(str(file["file"]) for file in files)] if whole else []
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise WeightsError(f"{self._path}: expected the description of a model: {error!r}") from None
        if found != FORMAT:
            raise WeightsError(f"{self._path}: expected format {FORMAT}, got {found}; update the program")
        if not whole:
            raise WeightsError(f"{self._path}: expected the description of a model, keys are missing; install it again")
        if any(Path(name).name != name or name == MODEL_FILE for name in names):  # it may come from the network
            raise WeightsError(f"{self._path}: expected names of files in its own folder, got {', '.join(names)}")
        return dict(card)

    def _write_card(self) -> None:
        with whole_file(self._path) as partial:
            partial.write_text(json.dumps(self._card, indent=1), encoding="utf-8")


def _checked(path: Path, sha256: str, what: str, again: str) -> Path:
    if not path.is_file():
        raise WeightsError(f"{path}: expected {what}, the file is missing; {again}")
    came = sha256_of(path)
    if came != sha256:
        raise WeightsError(f"{path}: expected SHA-256 {sha256}, got {came}: it is damaged; {again}")
    return path


def _again(part: str) -> str:
    return f"install the model again or train the part with `imagintalk train {part}`"


def _label(part: str) -> dict[str, str]:
    """What a part's file says of itself; one entry, because safetensors writes several in random order."""
    return {"imagintalk": f"{part}, format {FORMAT}"}


def _stored(name: str, tensor: Tensor) -> Tensor:
    """As it goes to disk: floats halved unless that overflows, integers and booleans as they are; never shared."""
    import torch

    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor.clone()
    if not torch.isfinite(tensor).all():
        raise WeightsError(f"{name}: expected finite weights, the training has diverged; lower the learning rate")
    half = tensor.to(torch.float16, copy=True)
    return half if torch.isfinite(half).all() else tensor.to(torch.float32, copy=True)


def _read_part(path: Path, part: str, again: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: expected a safetensors file, it is damaged ({error}); {again}") from None
    if facts != _label(part):
        raise WeightsError(f"{path}: expected the label {_label(part)}, got {facts}; {again}")
    return tensors


def _check_fit(path: Path, module: nn.Module, tensors: Mapping[str, Tensor], remedy: str) -> None:
    expected = module.state_dict()
    faults = [f"{name} is missing" for name in expected.keys() - tensors.keys()]
    faults += [f"{name} is unknown" for name in tensors.keys() - expected.keys()]
    faults += [
        f"{name} expected {tuple(expected[name].shape)}, got {tuple(tensors[name].shape)}"
        for name in expected.keys() & tensors.keys()
        if expected[name].shape != tensors[name].shape
    ]
    if faults:
        shown = "; ".join(sorted(faults)[:3])
        raise WeightsError(f"{path}: does not fit the model ({len(faults)} faults: {shown}); {remedy}")
