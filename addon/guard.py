"""When scenes may be changed from outside of an operator: not while Blender renders, plays or drags strips.

Saving, mixing down, and a render that a script asked for hold the main thread: no beat of ours falls into them.
"""

from __future__ import annotations

import bpy

_DRAGGING = ("TRANSFORM_OT_", "SEQUENCER_OT_", "ANIM_OT_change_frame")


def reason_to_wait() -> str:
    """What Blender does that an insertion would disturb, in words; empty: nothing."""
    if renders():
        return "until the render has finished"
    for window in bpy.context.window_manager.windows:
        if window.screen is not None and window.screen.is_animation_playing:
            return "until playback stops"
        if any(modal.bl_idname.startswith(_DRAGGING) for modal in window.modal_operators):
            return "until strips are let go"
    return ""


def renders() -> bool:
    """Whether a render runs beside the main thread, which reads the scene meanwhile."""
    return bool(bpy.app.is_job_running("RENDER"))
