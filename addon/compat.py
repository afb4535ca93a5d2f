"""What Blender calls things, in each of its versions from 4.2 to 5.2: the only file that asks which one runs.

4.2 and 4.3 say `sequences`, 4.4 and 4.5 know both names, 5.0 says `strips` and has a scene of its own for the
sequencer, 5.2 renames the frames of a strip. Frames are those of the timeline.
"""

from __future__ import annotations

import os
from typing import Any

import bpy
from bpy_extras import anim_utils

StripType: Any = getattr(bpy.types, "Strip", None) or bpy.types.Sequence
_HANDLES = "left_handle" in StripType.bl_rna.properties
"""5.2's names of a strip's frames."""

MOVIE, SOUND, SCENE, META, IMAGE, SPEED = "MOVIE", "SOUND", "SCENE", "META", "IMAGE", "SPEED"

PATH_OPTIONS = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5) else set()
"""Of a property that holds a path which may begin with `//`; 5.0 warns where it is missing."""


OUR_KEYS = "GENERATED" if "GENERATED" in bpy.types.Keyframe.bl_rna.properties["type"].enum_items else "JITTER"
"""Type of the keys of an F-curve that a program wrote and no user."""


def sequencer_scene(context: Any) -> Any:
    """The scene whose timeline is shown; None: none is."""
    return getattr(context, "sequencer_scene", None) or context.scene


def absolute(path: str) -> str:
    """A path that Blender keeps, which may be relative to the .blend, in the one way in which it can be compared."""
    return os.path.normpath(bpy.path.abspath(path))


def own_scenes() -> list[Any]:
    """The scenes that may be changed: those of other files, linked into this one, may not."""
    return [scene for scene in bpy.data.scenes if scene.library is None]


def show_in_sequencer(context: Any, scene: Any) -> None:
    """Make `scene` the one whose timeline is shown."""
    if context.window is not None:
        context.window.scene = scene
    if "sequencer_scene" in bpy.types.WorkSpace.bl_rna.properties:
        for workspace in bpy.data.workspaces:
            workspace.sequencer_scene = scene


def editor(scene: Any) -> Any:
    """The scene's sequence editor, made when there is none."""
    return scene.sequence_editor or scene.sequence_editor_create()


def strips(container: Any) -> Any:
    """The collection of a sequence editor or a meta strip, which makes and removes strips."""
    found = getattr(container, "strips", None)  # an empty collection is false, so `or` would not do
    return container.sequences if found is None else found


def all_strips(scene: Any) -> list[Any]:
    """Every strip of a scene, those within meta strips too."""
    if scene.sequence_editor is None:
        return []
    found = getattr(scene.sequence_editor, "strips_all", None)
    return list(scene.sequence_editor.sequences_all if found is None else found)


def shown_strips(scene: Any) -> list[Any]:
    """The strips that the timeline shows: those of the scene, or of the meta strip that is open."""
    found = scene.sequence_editor
    if found is None:
        return []
    return list(strips(found.meta_stack[-1] if len(found.meta_stack) else found))


def container_of(strip: Any, scene: Any) -> Any:
    """What holds a strip: the sequence editor or a meta strip."""
    return strip.parent_meta() or scene.sequence_editor


def active_strip(scene: Any) -> Any:
    """The active strip; None: there is none."""
    return scene.sequence_editor.active_strip if scene.sequence_editor is not None else None


def set_active_strip(scene: Any, strip: Any) -> None:
    editor(scene).active_strip = strip


def rate(scene: Any) -> float:
    """Frames per second of a scene's timeline."""
    return float(scene.render.fps) / float(scene.render.fps_base)


def left(strip: Any) -> int:
    """First frame that the strip shows."""
    return int(strip.left_handle if _HANDLES else strip.frame_final_start)


def right(strip: Any) -> int:
    """First frame after what the strip shows."""
    return int(strip.right_handle if _HANDLES else strip.frame_final_end)


def span(strip: Any) -> tuple[int, int]:
    """First frame that the strip shows, and the one after the last."""
    return left(strip), right(strip)


def count_strips(scene: Any) -> int:
    """As many as `all_strips` has, told faster."""
    if scene.sequence_editor is None:
        return 0
    found = getattr(scene.sequence_editor, "strips_all", None)
    return len(scene.sequence_editor.sequences_all if found is None else found)


def duration(strip: Any) -> int:
    """Frames that the strip shows."""
    return right(strip) - left(strip)


def content_start(strip: Any) -> float:
    """Where the strip's content begins, before trimming; moves with the strip and stays when it is cut."""
    return float(strip.content_start if _HANDLES else strip.frame_start)


ROUNDS_RETIMING = bpy.app.version < (4, 4)
"""Between two retiming keys a strip runs as if there were a whole number of frames between them, the smaller."""


def content_duration(strip: Any) -> int:
    """Frames of the timeline that the strip's content lasts, before trimming."""
    return int(strip.content_duration if _HANDLES else strip.frame_duration)


def content_trim_start(strip: Any) -> int:
    """Frames of the strip's file, if it has one, before its content begins."""
    return int(getattr(strip, "content_trim_start" if _HANDLES else "animation_offset_start", 0))


def retimed_frames(length: int) -> int:
    """Frames of the file from a retimed strip's first key to its last, of content of `length` frames."""
    return length if bpy.app.version >= (5, 0) else length - 1  # the last key was the last frame, and is its end now


def delay_sound(strip: Any, seconds: float) -> None:
    """Let a sound strip be heard a part of a frame later; Blender 4.2 can only do whole frames."""
    if abs(seconds) > 1e-5 and "sound_offset" in strip.bl_rna.properties:
        strip.sound_offset = seconds


def trim(strip: Any, first: int, end: int) -> None:
    """Show the content from frame `first` to before frame `end`, wherever the content begins."""
    if _HANDLES:
        strip.left_handle, strip.right_handle = first, end
    else:
        strip.frame_final_start, strip.frame_final_end = first, end


def inputs(effect: Any) -> list[Any]:
    """The strips that an effect strip is of; none for any other strip."""
    return [getattr(effect, name) for name in ("input_1", "input_2") if getattr(effect, name, None) is not None]


def curves(scene: Any) -> Any | None:
    """The F-curves of a scene and its strips, a collection; None: nothing in it was ever animated."""
    data = scene.animation_data
    if data is None or data.action is None:
        return None
    if "fcurves" in data.action.bl_rna.properties:
        return data.action.fcurves
    bag = anim_utils.action_get_channelbag_for_slot(data.action, data.action_slot)
    return None if bag is None else bag.fcurves


def source_fps(strip: Any) -> float | None:
    """Rate of a movie strip's file, or None."""
    fps = getattr(strip, "fps", None)
    return float(fps) if fps else None


def movie_output(render: Any) -> None:
    """Have a scene render to a movie file."""
    if "media_type" in bpy.types.ImageFormatSettings.bl_rna.properties:
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
