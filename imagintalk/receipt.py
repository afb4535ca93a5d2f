"""What came into the weights store, from where, and the checksum of every file: a publisher need not give one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagintalk.errors import WeightsError
from imagintalk.external import External
from imagintalk.media.files import whole_file
from imagintalk.provenance import now, sha256_of

RECEIPT_FILE = "receipt.json"


@dataclass(frozen=True)
class Receipt:
    """Lies in the folder of weights of others as receipt.json."""

    name: str
    licence: str
    source: str
    """The page or address that they came from, or `by hand`."""
    came: str
    """ISO 8601, UTC."""
    files: dict[str, dict[str, Any]]
    """Path within the folder → `sha256` (hex) and `bytes`."""

    @property
    def bytes(self) -> int:
        """Size on the disk."""
        return sum(int(facts["bytes"]) for facts in self.files.values())


def write_receipt(folder: Path, external: External, source: str) -> None:
    """Enter every file of a folder. Raises OutputError."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECEIPT_FILE
    }
    receipt = Receipt(external.name, external.licence, source, now(), files)
    with whole_file(folder / RECEIPT_FILE) as partial:
        partial.write_text(json.dumps(asdict(receipt), indent=1), encoding="utf-8")


def read_receipt(folder: Path) -> Receipt | None:
    """None where the files were put there by hand. Raises WeightsError when it is damaged."""
    path = folder / RECEIPT_FILE
    try:
        return Receipt(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: expected what came and from where ({error}); bring the weights again") from None


def checked_files(folder: Path, external: External) -> Iterator[tuple[Path, bool]]:
    """Each file of weights that are there, and whether there was a checksum to compare it with; it was right then.

    Raises WeightsError: a file is missing or changed.
    """
    receipt = read_receipt(folder)
    if receipt is not None:
        expected = {name: str(facts["sha256"]) for name, facts in receipt.files.items()}
    elif external.unpack:
        expected = {path.name: "" for path in folder.iterdir() if path.is_file()}
    else:
        expected = {file.name: file.sha256 or "" for file in external.files}
    for name, sha256 in expected.items():
        path = folder / name
        again = f"bring it again with `imagintalk models pull {external.name}`"
        if not path.is_file():
            raise WeightsError(f"{path}: expected this file of {external.name}, it is missing; {again}")
        came = sha256_of(path) if sha256 else ""
        if came != sha256:
            raise WeightsError(f"{path}: expected SHA-256 {sha256}, got {came}: it is damaged; {again}")
        yield path, bool(sha256)
