"""When scenes may be changed from outside of an operator: not while Blender renders, saves, plays or drags strips."""

from __future__ import annotations

import bpy

_DRAGGING = ("TRANSFORM_OT_", "SEQUENCER_OT_", "ANIM_OT_change_frame")

_saving = False
_rendering = False


def set_saving(saving: bool) -> None:
    global _saving
    _saving = saving


def set_rendering(rendering: bool) -> None:
    global _rendering
    _rendering = rendering


def reason_to_wait() -> str:
    """What Blender does that an insertion would disturb, in words; empty: nothing."""
    if _saving:
        return "until the file is saved"
    if _rendering or bpy.app.is_job_running("RENDER"):
        return "until the render has finished"
    for window in bpy.context.window_manager.windows:
        if window.screen is not None and window.screen.is_animation_playing:
            return "until playback stops"
        if any(modal.bl_idname.startswith(_DRAGGING) for modal in window.modal_operators):
            return "until strips are let go"
    return ""
