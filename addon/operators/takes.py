"""Hearing, keeping, deleting, comparing and placing takes."""

from typing import Any

import bpy
from bpy.props import StringProperty

from .. import compat, copies, paths, placing, strips, takes
from ..timing import beginning
from .common import refused, register_all, scene_of, unregister_all


class _TakeOperator:
    """What acts on a take: that of the id in `take`, else the active one."""

    bl_options = {"REGISTER", "UNDO"}
    take: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls: Any, context: Any) -> bool:
        scene = scene_of(context)
        if scene is None or not scene.imagintalk.takes:
            cls.poll_message_set("There are no takes; generate one first")
            return False
        return True

    def chosen(self: Any, context: Any) -> Any | None:
        scene = scene_of(context)
        return scene.imagintalk.takes.get(self.take) if self.take else takes.active(scene)

    def execute(self: Any, context: Any) -> set[str]:
        copies.part(scene_of(context))
        take = self.chosen(context)
        if take is None:
            return refused(self, "select a take")
        wrong = self.act(scene_of(context), take)
        return refused(self, wrong) if wrong else {"FINISHED"}

    def act(self, scene: Any, take: Any) -> str:
        """Words that say why it was not done; empty: it was."""
        raise NotImplementedError


class IMAGINTALK_OT_audition(_TakeOperator, bpy.types.Operator):
    """Hear this take, and mute the other takes of its strip"""

    bl_idname = "imagintalk.audition"
    bl_label = "Audition Take"

    def act(self, scene: Any, take: Any) -> str:
        return takes.audition(scene, take)


class IMAGINTALK_OT_keep(_TakeOperator, bpy.types.Operator):
    """Mark this take as the one to use; the others stay, muted"""

    bl_idname = "imagintalk.keep"
    bl_label = "Keep Take"

    def act(self, scene: Any, take: Any) -> str:
        return takes.keep(scene, take)


class IMAGINTALK_OT_delete(_TakeOperator, bpy.types.Operator):
    """Take this take off the list and the timeline; its file stays"""

    bl_idname = "imagintalk.delete_take"
    bl_label = "Delete Take"

    def act(self, scene: Any, take: Any) -> str:
        takes.delete(scene, take)
        return ""


class IMAGINTALK_OT_place(_TakeOperator, bpy.types.Operator):
    """Put this take under its strip, or under the active strip where its own was deleted"""

    bl_idname = "imagintalk.place"
    bl_label = "Place Take"

    def act(self, scene: Any, take: Any) -> str:
        before, there = (take.source, take.offset, take.rate), bool(strips.take_strips(scene, take.name))
        pieces = [found.strip for found in strips.with_id(take.source) if found.scene == scene]
        strip = compat.active_strip(scene)
        if not pieces and strips.can_be_dubbed(strip):
            take.source, pieces = strips.identify(strip), [strip]
            take.offset, take.rate = compat.left(strip) - beginning(strip), compat.rate(scene)
        if placing.place(scene, take, pieces):
            take.path = paths.remember(str(paths.file_of(scene, take)))
            return ""
        wrong = str(take.note)
        take.source, take.offset, take.rate = before
        if there:  # and still is
            take.note = ""
        return wrong


class IMAGINTALK_OT_compare(_TakeOperator, bpy.types.Operator):
    """Hear the chosen take against the one that is heard now; the A/B key goes to and fro"""

    bl_idname = "imagintalk.compare"
    bl_label = "Compare Takes"

    def act(self, scene: Any, take: Any) -> str:
        now = takes.heard(scene, take.source)
        if now is None or now.name == take.name:
            now = takes.other(scene, take.source)
        if now is None:
            return "there is only one take; regenerate to have another"
        wrong = takes.audition(scene, now) or takes.audition(scene, take)
        if not wrong:
            scene.frame_current = compat.left(strips.take_strips(scene, take.name)[0])
        return wrong


class IMAGINTALK_OT_ab(bpy.types.Operator):
    """Go to and fro between two takes of the active strip"""

    bl_idname = "imagintalk.ab"
    bl_label = "Switch A/B"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        if scene is None or not strips.source_of(compat.active_strip(scene)):
            cls.poll_message_set("Select a strip with takes")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        scene = scene_of(context)
        copies.part(scene)
        other = takes.other(scene, strips.source_of(compat.active_strip(scene)))
        if other is None:
            return refused(self, "there is no other take of this strip; regenerate to have one")
        takes.audition(scene, other)
        return {"FINISHED"}


_CLASSES = (
    IMAGINTALK_OT_audition,
    IMAGINTALK_OT_keep,
    IMAGINTALK_OT_delete,
    IMAGINTALK_OT_place,
    IMAGINTALK_OT_compare,
    IMAGINTALK_OT_ab,
)


def register() -> None:
    register_all(_CLASSES)


def unregister() -> None:
    unregister_all(_CLASSES)
