"""ImaginTalk: a silent video of a talking face becomes speech.

    from imagintalk import Pipeline

    result = Pipeline.load().dub("clip.mp4", emotion="happy")

Importing this package is quick; what is named below is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from imagintalk import errors
from imagintalk.errors import ImaginTalkError

if TYPE_CHECKING:
    from imagintalk.dubbing.options import DubOptions
    from imagintalk.pipeline import Pipeline

    __version__: str

__all__ = ["DubOptions", "ImaginTalkError", "Pipeline", "__version__", "errors"]

_HOMES = {"Pipeline": "imagintalk.pipeline", "DubOptions": "imagintalk.dubbing.options"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from imagintalk.provenance import program_version

        return program_version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'imagintalk' has no attribute {name!r}")
