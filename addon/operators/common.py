"""What operators share."""

import bpy

from .. import compat


def scene_of(context):
    """The scene whose timeline is shown, or None."""
    return compat.sequencer_scene(context)


def register_all(classes):
    for cls in classes:
        bpy.utils.register_class(cls)


def unregister_all(classes):
    for cls in reversed(classes):
        bpy.utils.unregister_class(cls)


def refused(operator, reason):
    """Tell why it was not done."""
    operator.report({"ERROR"}, str(reason))
    return {"CANCELLED"}
