"""What operators share."""

from collections.abc import Iterable, Sequence
from typing import Any

import bpy

from .. import compat


def scene_of(context: Any) -> Any:
    """The scene whose timeline is shown; None: none is."""
    return compat.sequencer_scene(context)


def register_all(classes: Iterable[type]) -> None:
    for cls in classes:
        bpy.utils.register_class(cls)


def unregister_all(classes: Sequence[type]) -> None:
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)


def refused(operator: Any, reason: object) -> set[str]:
    """Tell why it was not done."""
    operator.report({"ERROR"}, str(reason))
    return {"CANCELLED"}
