"""The layout of Blender's structures, as every .blend file carries it (its SDNA). Standard library only."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_FORMATS = {"int": "<i", "float": "<f", "double": "<d"}
_POINTER = 8
"""Bytes: all that Blender is built for since 2.8."""


class SdnaError(ValueError):
    """The file or the structure is not laid out as expected; one line."""


@dataclass(frozen=True)
class Layout:
    """One structure, in files and in memory alike."""

    size: int
    fields: dict[str, tuple[int, str]]
    """Offset in bytes and type of each field; a pointer's type ends in `*`."""

    def read(self, memory: bytes, name: str) -> float:
        """A number. Raises SdnaError: there is no such field."""
        offset, kind = self._field(name)
        if kind not in _FORMATS:
            raise SdnaError(f"expected a number in {name}, got {kind}")
        return float(struct.unpack_from(_FORMATS[kind], memory, offset)[0])

    def read_pointer(self, memory: bytes, name: str) -> int:
        """An address. Raises SdnaError: there is no such field."""
        offset, kind = self._field(name)
        if not kind.endswith("*"):
            raise SdnaError(f"expected a pointer in {name}, got {kind}")
        return int(struct.unpack_from("<Q", memory, offset)[0])

    def read_text(self, memory: bytes, name: str) -> str:
        """What an array of characters says. Raises SdnaError: there is no such field."""
        return memory[self._field(name)[0] :].split(b"\0", 1)[0].decode("utf-8", "replace")

    def _field(self, name: str) -> tuple[int, str]:
        if name not in self.fields:
            raise SdnaError(f"expected a field {name}, there is none")
        return self.fields[name]


def read_layouts(blend: bytes, wanted: tuple[str, ...]) -> tuple[Layout, ...]:
    """Of the structures of these names, from an uncompressed .blend file of 64 bits. Raises SdnaError."""
    block = _Block(_sdna_block(blend))
    names, types = block.words(b"NAME"), block.words(b"TYPE")
    sizes = block.numbers(b"TLEN", len(types))
    found = {}
    for kind, members in block.structures():
        if types[kind] in wanted:
            found[types[kind]] = _layout([(types[of], sizes[of], names[name]) for of, name in members])
    missing = [name for name in wanted if name not in found]
    if missing:
        raise SdnaError(f"expected a structure {missing[0]}, there is none")
    return tuple(found[name] for name in wanted)


def _layout(members: list[tuple[str, int, str]]) -> Layout:
    """members: type, its size, and name as declared: `*next`, `start`, `name[64]`. No gaps: Blender pads by fields."""
    fields, offset = {}, 0
    for kind, size, declared in members:
        pointer = declared.startswith(("*", "(*"))
        fields[re.sub(r"\W", "", declared.split("[")[0])] = offset, f"{kind}*" if pointer else kind
        count = 1
        for length in re.findall(r"\[(\d+)\]", declared):
            count *= int(length)
        offset += count * (_POINTER if pointer else size)
    return Layout(offset, fields)


def _sdna_block(blend: bytes) -> bytes:
    """The file's block DNA1. Blender 5.0 has longer headers than those before it."""
    if blend.startswith(b"BLENDER17-01v"):
        place, header, length_at = 17, struct.Struct("<4siQqq"), 3
    elif blend.startswith(b"BLENDER-v"):
        place, header, length_at = 12, struct.Struct("<4siQii"), 1
    else:
        raise SdnaError(f"expected a .blend file of 64 bits, got one that begins with {blend[:12]!r}")
    while place + header.size <= len(blend):
        values = header.unpack_from(blend, place)
        place += header.size
        if values[0] == b"DNA1":
            return blend[place : place + values[length_at]]
        place += values[length_at]
    raise SdnaError("expected a block DNA1, there is none")


class _Block:
    """Reads the parts of DNA1 in their order; each begins with its name, at a multiple of four bytes."""

    def __init__(self, content: bytes) -> None:
        if not content.startswith(b"SDNA"):
            raise SdnaError(f"expected DNA1 to begin with SDNA, got {content[:4]!r}")
        self._content, self._place = content, 4

    def words(self, part: bytes) -> list[str]:
        self._enter(part)
        found = []
        for _ in range(self._take("<i")[0]):
            end = self._content.index(b"\0", self._place)
            found.append(self._content[self._place : end].decode("ascii"))
            self._place = end + 1
        return found

    def numbers(self, part: bytes, count: int) -> tuple[int, ...]:
        self._enter(part)
        return self._take(f"<{count}H")

    def structures(self) -> list[tuple[int, list[tuple[int, int]]]]:
        """Each structure's type, and type and name of its members, by number."""
        self._enter(b"STRC")
        found = []
        for _ in range(self._take("<i")[0]):
            kind, count = self._take("<HH")
            flat = self._take(f"<{2 * count}H")
            found.append((kind, list(zip(flat[::2], flat[1::2], strict=True))))
        return found

    def _enter(self, part: bytes) -> None:
        self._place = -(-self._place // 4) * 4
        if self._content[self._place : self._place + 4] != part:
            raise SdnaError(f"expected {part!r} in DNA1, got {self._content[self._place : self._place + 4]!r}")
        self._place += 4

    def _take(self, form: str) -> tuple[int, ...]:
        found = struct.unpack_from(form, self._content, self._place)
        self._place += struct.calcsize(form)
        return found
