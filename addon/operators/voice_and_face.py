"""Choosing whose voice it is, and which of several faces speaks."""

from typing import Any

import bpy
from bpy.props import IntProperty

from .. import compat, copies, faces, paths, recording, state, strips
from ..look import Look
from ..requests import RequestError, prepare
from ..session import READY_TO_WORK
from ..wishes import Choice
from ..worker_api import CLICK
from .common import refused, register_all, scene_of, unregister_all


class IMAGINTALK_OT_voice_from_strip(bpy.types.Operator):
    """Take the voice that is heard in the active sound or movie strip"""

    bl_idname = "imagintalk.voice_from_strip"
    bl_label = "Voice from Active Strip"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        strip = compat.active_strip(scene) if scene is not None else None
        if strip is None or strip.type not in (compat.SOUND, compat.MOVIE):
            cls.poll_message_set("Select a sound or movie strip in which the voice is heard")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        scene = scene_of(context)
        strip = compat.active_strip(scene)
        settings = scene.imagintalk.settings
        try:
            path = recording.of_strip(scene, strip, paths.takes_folder(settings.folder, bpy.data.filepath))
        except recording.RecordingError as error:
            return refused(self, error)
        settings.voice, settings.voice_file = "FILE", paths.remember(path)
        return {"FINISHED"}


class IMAGINTALK_OT_find_faces(bpy.types.Operator):
    """Look for the people in the active strip, to choose who speaks"""

    bl_idname = "imagintalk.find_faces"
    bl_label = "Find Faces"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        strip = compat.active_strip(scene) if scene is not None else None
        if not strips.can_be_dubbed(strip):
            cls.poll_message_set("Select a movie, image, scene or meta strip that shows the people")
            return False
        if state.session().link is None or state.session().worker != READY_TO_WORK:
            cls.poll_message_set("The worker finds the faces; start it first")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        scene = scene_of(context)
        copies.part(scene)
        strip = compat.active_strip(scene)
        try:
            request = prepare(scene, strip, Choice(), CLICK).request
        except RequestError as error:
            return refused(self, error)
        look = Look(scene.name, strips.identify(strip), strip.name, request.path)
        if request.path:
            shown = [max(second, 0.0) for _, second in request.times]
            frame = 1 / (compat.source_fps(strip) or 1.0)  # the map may reach a little beyond the file's end
            look.start_s, look.end_s = min(shown), max(min(shown) + frame, max(shown) - 2 * frame)
        state.session().look(look)
        return {"FINISHED"}


class IMAGINTALK_OT_choose_face(bpy.types.Operator):
    """Dub this person; the first choice is whoever's mouth moves"""

    bl_idname = "imagintalk.choose_face"
    bl_label = "Choose Face"
    bl_options = {"REGISTER", "UNDO"}

    face: IntProperty(name="Face", description="Number of the face, -1 for the one who speaks", default=-1, min=-1)

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        if scene is None or not strips.can_be_dubbed(compat.active_strip(scene)):
            cls.poll_message_set("Select a strip that shows the people")
            return False
        return True

    def invoke(self, context: Any, event: Any) -> set[str]:
        """From the menu or F3, which name no face: show who there is."""
        if self.properties.is_property_set("face"):
            return self.execute(context)
        found = state.session().faces.get(strips.source_of(compat.active_strip(scene_of(context))))
        if found is None or not found.faces:
            return refused(self, "no faces are known of this strip; press Find Faces first")
        context.window_manager.popup_menu(_draw_popup, title="Who speaks", icon="USER")
        return {"INTERFACE"}

    def execute(self, context: Any) -> set[str]:
        compat.active_strip(scene_of(context))[strips.FACE] = self.face
        return {"FINISHED"}


def _draw_popup(popup: Any, context: Any) -> None:
    strip = compat.active_strip(scene_of(context))
    found = state.session().faces.get(strips.source_of(strip))
    if found is not None:
        faces.draw_choices(popup.layout, found, strip.get(strips.FACE, -1))


_CLASSES = (IMAGINTALK_OT_voice_from_strip, IMAGINTALK_OT_find_faces, IMAGINTALK_OT_choose_face)


def register() -> None:
    register_all(_CLASSES)


def unregister() -> None:
    unregister_all(_CLASSES)
