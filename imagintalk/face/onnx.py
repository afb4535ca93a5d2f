"""Networks that the user fetches into the weights folder, as ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagintalk.errors import WeightsError


def open_onnx(path: Path, fetch_name: str) -> Any:
    """An onnxruntime session on the CPU. Raises WeightsError, with the command that fetches the file, without it."""
    import onnxruntime  # slow to import, needed only by backends that are not the default

    fetch = f"fetch it with: imagintalk models pull {fetch_name}"
    if not path.is_file():
        raise WeightsError(f"{path}: weights are missing; {fetch}")
    try:
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime raises classes of its own that share no base
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: not a readable ONNX file ({reason}); {fetch}") from None
