"""Generate Dialogue, Batch Dub, Regenerate with Emotion."""

from dataclasses import replace
from typing import Any

import bpy
from bpy.props import EnumProperty

from .. import compat, copies, paths, state, strips, takes
from ..dub import WAITING, Dub
from ..properties import emotion_property, intensity_property
from ..requests import RequestError, choice_of, new_seed, prepare
from ..wishes import Choice, wished
from ..worker_api import BATCH, CLICK, ClientError
from .common import refused, register_all, scene_of, unregister_all


def begin(dubs: list[Dub]) -> None:
    """Have dubs made. Raises ClientError: there is no worker and will be none."""
    state.ensure_worker()
    session = state.session()
    for dub in dubs:
        if dub.state != WAITING:
            session.add(dub)
    session.send(dub for dub in dubs if dub.state == WAITING)
    keys, session.changed = session.changed, set()
    state.write_jobs(keys)


class IMAGINTALK_OT_generate(bpy.types.Operator):
    """Make speech for the active strip, in sync with the lips that it shows"""

    bl_idname = "imagintalk.generate"
    bl_label = "Generate Dialogue"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        if scene is None or not strips.can_be_dubbed(compat.active_strip(scene)):
            cls.poll_message_set("Select a movie, image, scene or meta strip that shows somebody speaking")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        scene = scene_of(context)
        copies.part(scene)
        try:
            dub = prepare(scene, compat.active_strip(scene), choice_of(scene.imagintalk.settings), CLICK)
            begin([dub])
        except (RequestError, ClientError) as error:
            return refused(self, error)
        self.report({"INFO"}, f"{dub.label}: the take will appear when it is made")
        return {"FINISHED"}


class IMAGINTALK_OT_batch(bpy.types.Operator):
    """Make speech for every selected movie, image, scene and meta strip, one job each"""

    bl_idname = "imagintalk.batch"
    bl_label = "Batch Dub"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        if scene is None or not cls.wanted(scene):
            cls.poll_message_set("Select movie, image, scene or meta strips")
            return False
        return True

    @staticmethod
    def wanted(scene: Any) -> list[Any]:
        return [strip for strip in compat.shown_strips(scene) if strip.select and strips.can_be_dubbed(strip)]

    def execute(self, context: Any) -> set[str]:
        scene = scene_of(context)
        try:
            choice = choice_of(scene.imagintalk.settings)
            state.ensure_worker()
        except (RequestError, ClientError) as error:
            return refused(self, error)
        copies.part(scene)
        wanted = self.wanted(scene)
        for strip in wanted:
            state.session().add(wished(scene.name, strips.identify(strip), strip.name, choice, BATCH))
        self.report({"INFO"}, f"{len(wanted)} strips are being dubbed")
        return {"FINISHED"}


class IMAGINTALK_OT_regenerate(bpy.types.Operator):
    """Make another take of the active strip or take, with a feeling, voice or seed of your choice"""

    bl_idname = "imagintalk.regenerate"
    bl_label = "Regenerate with Emotion"
    bl_options = {"REGISTER", "UNDO"}

    emotion: emotion_property()
    intensity: intensity_property()
    seed: EnumProperty(
        name="Seed",
        description="Chance",
        items=[
            ("SAME", "Same", "As like the old take as the changes allow"),
            ("NEW", "New", "Another reading"),
        ],
        default="SAME",
    )
    voice: EnumProperty(
        name="Voice",
        description="Whose voice",
        items=[
            ("SAME", "As the Take", "The voice of the take"),
            ("SETTINGS", "As Set", "The voice that the panel shows"),
        ],
        default="SAME",
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = scene_of(context)
        if scene is None or not cls.sources(scene):
            cls.poll_message_set("Select a strip or one of its takes")
            return False
        return True

    @staticmethod
    def sources(scene: Any) -> list[Any]:
        """The strips that the active one stands for: itself, or those that it is a take of."""
        strip = compat.active_strip(scene)
        if strips.can_be_dubbed(strip):
            return [strip]
        source = strips.source_of(strip)
        return [found.strip for found in strips.with_id(source) if found.scene == scene] if source else []

    def invoke(self, context: Any, event: Any) -> set[str]:
        take = takes.active(scene_of(context))
        if take is not None:
            self.emotion, self.intensity = take.emotion, take.intensity
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: Any) -> set[str]:
        scene = scene_of(context)
        copies.part(scene)
        sources = self.sources(scene)
        try:
            choice = self.choice(scene, sources[0])
            dubs = [prepare(scene, strip, choice, CLICK) for strip in sources]
            begin(dubs)
        except (RequestError, ClientError) as error:
            return refused(self, error)
        return {"FINISHED"}

    def choice(self, scene: Any, strip: Any) -> Choice:
        """The take's seed and voice, unless others are asked for; quality and guidance as set now. Raises RequestError.

        So a draft can be made again at its best.
        """
        settings = choice_of(scene.imagintalk.settings)
        seed, voice, take = settings.seed, settings.voice, takes.active(scene)
        if take is not None and take.source == strip.get(strips.ID):
            seed, voice = take.seed, paths.found(take.voice)
        return replace(
            settings,
            emotion=self.emotion,
            intensity=self.intensity,
            seed=new_seed() if self.seed == "NEW" else seed,
            voice=settings.voice if self.voice == "SETTINGS" else voice,
            takes=1,
        )


_CLASSES = (IMAGINTALK_OT_generate, IMAGINTALK_OT_batch, IMAGINTALK_OT_regenerate)


def register() -> None:
    register_all(_CLASSES)


def unregister() -> None:
    unregister_all(_CLASSES)
