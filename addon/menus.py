"""The Strip menu, which F3 searches, and the A/B key."""

from typing import Any

import bpy

_OPERATORS = (
    ("imagintalk.generate", "PLAY_SOUND"),
    ("imagintalk.batch", "DOCUMENTS"),
    ("imagintalk.regenerate", "FILE_REFRESH"),
    None,
    ("imagintalk.audition", "NONE"),
    ("imagintalk.ab", "NONE"),
    ("imagintalk.compare", "NONE"),
    ("imagintalk.keep", "NONE"),
    ("imagintalk.place", "NONE"),
    ("imagintalk.delete_take", "NONE"),
    None,
    ("imagintalk.voice_from_strip", "NONE"),
    ("imagintalk.find_faces", "NONE"),
    ("imagintalk.choose_face", "NONE"),
    None,
    ("imagintalk.cancel", "NONE"),
    ("imagintalk.cancel_all", "NONE"),
    ("imagintalk.retry_job", "NONE"),
    ("imagintalk.retry", "NONE"),
    ("imagintalk.clear", "NONE"),
    None,
    ("imagintalk.start_worker", "NONE"),
    ("imagintalk.stop_worker", "NONE"),
    ("imagintalk.connect", "NONE"),
    ("imagintalk.diagnostics", "NONE"),
)
_keys: list[Any] = []


class IMAGINTALK_MT_strip(bpy.types.Menu):
    bl_label = "ImaginTalk"

    def draw(self, context: Any) -> None:
        self.layout.operator_context = "INVOKE_DEFAULT"
        for entry in _OPERATORS:
            if entry is None:
                self.layout.separator()
            else:
                self.layout.operator(entry[0], icon=entry[1])


def _in_strip_menu(self: Any, context: Any) -> None:
    self.layout.separator()
    self.layout.menu("IMAGINTALK_MT_strip")


def register() -> None:
    bpy.utils.register_class(IMAGINTALK_MT_strip)
    bpy.types.SEQUENCER_MT_strip.append(_in_strip_menu)
    keys = bpy.context.window_manager.keyconfigs.addon
    if keys is not None:  # there is none without a window in some versions
        keymap = keys.keymaps.new(name="Sequencer", space_type="SEQUENCE_EDITOR")
        _keys.append((keymap, keymap.keymap_items.new("imagintalk.ab", "ACCENT_GRAVE", "PRESS", shift=True)))


def unregister() -> None:
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)
    _keys.clear()
    bpy.types.SEQUENCER_MT_strip.remove(_in_strip_menu)
    bpy.utils.unregister_class(IMAGINTALK_MT_strip)
