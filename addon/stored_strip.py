"""What Blender stores of a movie strip's speed and its Python API does not tell: retiming, and playback at own rate.

Strips lie in memory as .blend files lay them out, and a .blend file tells the layout; so an empty one, written by this
very Blender, says where in a strip what is. Only reads.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import bpy

from .sdna import Layout, SdnaError, read_layouts

_NAMES_IN_FILES = ("Sequence", "SeqRetimingHandle")
"""Of a strip and of its retiming key: names that stay when Blender renames both for itself."""
_OWN_RATE = 1 << 17
"""Bit of a strip's flag: played at its file's rate, whatever the scene's."""
_TRANSITION = 1
"""Bit of a key's flag: the speed changes smoothly from this key to the next."""


@dataclass(frozen=True)
class RetimingKey:
    """What of its content a strip shows at a moment."""

    frame: float
    """From the start of the content, counted at the strip's own rate where it has one."""
    share: float
    """0..1 of the content."""
    transition: bool
    """From here to the next key the speed changes smoothly."""


@dataclass(frozen=True)
class StoredStrip:
    """A movie strip's speed."""

    length: int
    """Frames of the file that the strip has."""
    own_rate: float | None
    """Frames of the file per second; None: as many as the scene's."""
    keys: tuple[RetimingKey, ...]


def learn_layouts() -> None:
    """Learn ahead what `read_strip` must know, which takes some 20 ms. Main thread only. Raises SdnaError."""
    _layouts()


def read_strip(strip: Any) -> StoredStrip:
    """Main thread only; 20 ms the first time. Raises SdnaError: this Blender keeps strips in an unknown way."""
    layout, _ = _layouts()
    memory = ctypes.string_at(strip.as_pointer(), layout.size)
    count = int(layout.read(memory, "retiming_handle_num"))
    if layout.read_text(memory, "name")[2:] != strip.name or count != len(strip.retiming_keys):  # after its "SQ"
        raise SdnaError("a strip is not where it should be in memory")
    has_own_rate = int(layout.read(memory, "flag")) & _OWN_RATE
    return StoredStrip(
        length=int(layout.read(memory, "len")),
        own_rate=layout.read(memory, "media_playback_rate") if has_own_rate else None,
        keys=tuple(_keys(layout.read_pointer(memory, "retiming_handles"), count)),
    )


def _keys(address: int, count: int) -> Iterator[RetimingKey]:
    _, layout = _layouts()
    for number in range(count):
        memory = ctypes.string_at(address + number * layout.size, layout.size)
        transition = bool(int(layout.read(memory, "flag")) & _TRANSITION)
        yield RetimingKey(layout.read(memory, "strip_frame_index"), layout.read(memory, "retiming_factor"), transition)


@cache
def _layouts() -> tuple[Layout, Layout]:
    """Of a strip and a retiming key. Raises SdnaError."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.blend"
        nothing = bpy.data.texts.new("imagintalk")  # a file of nothing at all ends 4.2
        try:
            bpy.data.libraries.write(str(empty), {nothing})
            strip, key = read_layouts(empty.read_bytes(), _NAMES_IN_FILES)
        except (OSError, RuntimeError) as error:
            raise SdnaError(f"an empty file cannot be written to {folder} ({error})") from None
        finally:
            bpy.data.texts.remove(nothing)
    return strip, key
