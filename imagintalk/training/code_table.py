"""Codec codes of every example, encoded once per codec and kept beside the cache."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from imagintalk.codec.codec import Codec
from imagintalk.data.cache import Example
from imagintalk.media.files import whole_file


class CodeTable:
    """codes (levels, T) of each example, by corpus and name. `key` names the codec's weights."""

    def __init__(
        self, examples: list[Example], codec: Codec, key: str, cache: Path, notify: Callable[[float], None]
    ) -> None:
        path = cache / f"codes-{key}.npz"
        self._codes: dict[str, NDArray[np.int16]] = {}
        if path.exists():
            with np.load(path) as known:
                self._codes = dict(known)
        missing = [e for e in examples if _name(e) not in self._codes]
        codec.eval()
        device = next(codec.parameters()).device
        for count, example in enumerate(missing, 1):
            codes = codec.encode(torch.from_numpy(example.samples)[None].to(device))[0]
            self._codes[_name(example)] = codes.cpu().numpy().astype(np.int16)
            notify(count / len(missing))
        if missing:
            buffer = io.BytesIO()
            np.savez(buffer, **self._codes)
            with whole_file(path) as partial:
                partial.write_bytes(buffer.getvalue())

    def __getitem__(self, example: Example) -> NDArray[np.int64]:
        return self._codes[_name(example)].astype(np.int64)


def _name(example: Example) -> str:
    return f"{example.corpus}/{example.name}"
