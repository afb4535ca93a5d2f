"""The sequencer's sidebar, tab ImaginTalk. Drawing code only draws."""

import textwrap
from typing import Any

import bpy

from . import compat, faces, preferences, state, strips, takes
from .dub import IN_WORDS
from .operators.common import scene_of
from .session import NONE, READY_TO_WORK, REFUSED, STARTING, STOPPING
from .worker_api import CANCELLED, DONE, FAILED, RUNNING

_LIGHTS = {
    NONE: "RADIOBUT_OFF",
    STARTING: "SORTTIME",
    STOPPING: "SORTTIME",
    READY_TO_WORK: "RADIOBUT_ON",
    REFUSED: "ERROR",
}
_ICONS = {DONE: "CHECKMARK", FAILED: "ERROR", CANCELLED: "X"}
_LINE = 46
"""Characters of a sidebar's line."""


def sentence(layout: Any, text: str, icon: str = "NONE") -> None:
    """Text over as many lines as it needs; words that are longer than a line are cut."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in textwrap.wrap(text, _LINE, break_on_hyphens=False):
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else "NONE"


class _Sidebar:
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "ImaginTalk"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return scene_of(context) is not None and state.running()


class IMAGINTALK_PT_main(_Sidebar, bpy.types.Panel):
    bl_label = "ImaginTalk"

    def draw(self, context: Any) -> None:
        layout, session = self.layout, state.session()
        settings = scene_of(context).imagintalk.settings
        column = layout.column(align=True)
        column.prop(settings, "emotion", text="")
        column.prop(settings, "intensity", slider=True)
        column = layout.column(align=True)
        column.scale_y = 1.4
        column.operator("imagintalk.generate", icon="PLAY_SOUND")
        column = layout.column(align=True)
        column.operator("imagintalk.batch", icon="DOCUMENTS")
        column.operator("imagintalk.regenerate", icon="FILE_REFRESH")
        if session.trouble:
            sentence(layout.box(), session.trouble, "ERROR")
        if session.lack:
            sentence(layout, session.lack, "SORTTIME")
        if session.waits and any(dub.open for dub in session.dubs.values()):
            sentence(layout, f"takes wait {session.waits}", "SORTTIME")


class IMAGINTALK_UL_jobs(bpy.types.UIList):
    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: int, active: Any, name: str, index: int = 0
    ) -> None:
        row = layout.row(align=True)
        split = row.split(factor=0.4, align=True)
        split.label(text=item.label, icon=_ICONS.get(item.state, "NONE"))
        if item.state == RUNNING or (item.state in IN_WORDS and 0 < item.fraction < 1):
            left = f", {item.seconds_left:.0f} s" if item.seconds_left >= 0 else ""
            split.progress(factor=item.fraction, text=f"{item.stage or IN_WORDS[item.state]}{left}")
        else:
            split.label(text=item.reason or IN_WORDS.get(item.state, item.state))
        if item.state in (FAILED, CANCELLED):
            row.operator("imagintalk.retry_job", text="", icon="FILE_REFRESH").key = item.name
        elif item.state != DONE:
            row.operator("imagintalk.cancel", text="", icon="X").key = item.name


class IMAGINTALK_PT_jobs(_Sidebar, bpy.types.Panel):
    bl_label = "Jobs"
    bl_parent_id = "IMAGINTALK_PT_main"

    def draw(self, context: Any) -> None:
        layout, held = self.layout, scene_of(context).imagintalk
        layout.template_list("IMAGINTALK_UL_jobs", "", held, "jobs", held, "active_job", rows=3)
        if 0 <= held.active_job < len(held.jobs) and held.jobs[held.active_job].reason:
            sentence(layout, held.jobs[held.active_job].reason, "INFO")
        row = layout.row(align=True)
        row.operator("imagintalk.cancel_all", text="Cancel All")
        row.operator("imagintalk.retry", text="Retry Failed")
        row.operator("imagintalk.clear", text="Clear")


class IMAGINTALK_UL_takes(bpy.types.UIList):
    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: int, active: Any, name: str, index: int = 0
    ) -> None:
        row = layout.row(align=True)
        heard = takes.is_heard(scene_of(context), item)
        icon_name = "CHECKMARK" if item.kept else "PLAY_SOUND" if heard else "MUTE_IPO_ON"
        row.prop(item, "label", text="", emboss=False, icon=icon_name)
        row.label(text=f"{item.emotion} {item.seed}", icon="ERROR" if item.note or item.warnings else "NONE")
        name = "imagintalk.place" if item.note else "imagintalk.audition"
        row.operator(name, text="", icon="IMPORT" if item.note else "PLAY").take = item.name

    def filter_items(self, context: Any, data: Any, name: str) -> tuple[list[int], list[int]]:
        shown = {take.name for take in takes.listed(scene_of(context))}
        return [self.bitflag_filter_item if take.name in shown else 0 for take in getattr(data, name)], []


class IMAGINTALK_PT_takes(_Sidebar, bpy.types.Panel):
    bl_label = "Takes"
    bl_parent_id = "IMAGINTALK_PT_main"

    def draw(self, context: Any) -> None:
        layout, scene = self.layout, scene_of(context)
        held = scene.imagintalk
        layout.template_list("IMAGINTALK_UL_takes", "", held, "takes", held, "active_take", rows=3)
        take = takes.chosen(scene) or takes.active(scene)
        if take is not None:
            for words in filter(None, [take.note, *take.warnings.split("\n")]):
                sentence(layout, words, "INFO")
        row = layout.row(align=True)
        row.operator("imagintalk.keep", text="Keep").take = take.name if take is not None else ""
        row.operator("imagintalk.compare", text="Compare").take = take.name if take is not None else ""
        row.operator("imagintalk.ab", text="A/B")
        row = layout.row(align=True)
        row.operator("imagintalk.place", text="Place").take = take.name if take is not None else ""
        row.operator("imagintalk.delete_take", text="Delete").take = take.name if take is not None else ""


class IMAGINTALK_PT_voice(_Sidebar, bpy.types.Panel):
    bl_label = "Voice and Face"
    bl_parent_id = "IMAGINTALK_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, scene, session = self.layout, scene_of(context), state.session()
        settings = scene.imagintalk.settings
        layout.prop(settings, "voice")
        if settings.voice == "FILE":
            layout.prop(settings, "voice_file", text="")
        elif settings.voice == "PRESET":
            layout.prop(settings, "voice_preset", text="")
        layout.operator("imagintalk.voice_from_strip", icon="SOUND")
        layout.operator("imagintalk.find_faces", icon="USER")
        strip = compat.active_strip(scene)
        source = strips.source_of(strip)
        if source in session.looks:
            layout.label(text="looking for faces", icon="SORTTIME")
        found = session.faces.get(source)
        if found is None or strip is None:
            return
        if found.reason or not found.faces:
            sentence(layout, found.reason or "no face was found", "INFO")
            return
        faces.draw_choices(layout, found, strip.get(strips.FACE, -1))


class IMAGINTALK_PT_worker(_Sidebar, bpy.types.Panel):
    bl_label = "Worker"
    bl_parent_id = "IMAGINTALK_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: Any) -> None:
        self.layout.label(text="", icon=_LIGHTS[state.session().worker])

    def draw(self, context: Any) -> None:
        layout, session = self.layout, state.session()
        place = f" on {session.link.place.words}" if session.link is not None else ""
        layout.label(text=f"{session.worker}{place}", icon=_LIGHTS[session.worker])
        if session.status is not None:
            column = layout.column(align=True)
            column.label(text=f"device: {session.status.device}")
            column.label(text=f"model: {session.status.model}")
            if session.status.gpu_bytes:
                used, there = (bytes / 2**30 for bytes in (session.status.gpu_used_bytes, session.status.gpu_bytes))
                column.label(text=f"GPU memory: {used:.1f} of {there:.1f} GB")
            column.label(text=f"jobs: {session.status.running} running, {session.status.queued} waiting")
        if session.trouble:
            sentence(layout, session.trouble, "ERROR")
        chosen = preferences.preferences()
        layout.row().prop(chosen, "where", expand=True)
        for name in ("host", "port", "certificates") if chosen.where == "REMOTE" else ():
            layout.prop(chosen, name)
        row = layout.row(align=True)
        row.operator("imagintalk.start_worker", text="Start")
        row.operator("imagintalk.stop_worker", text="Stop")
        row.operator("imagintalk.connect", text="Connect")
        layout.operator("imagintalk.diagnostics", icon="COPYDOWN")


class IMAGINTALK_PT_settings(_Sidebar, bpy.types.Panel):
    bl_label = "Settings"
    bl_parent_id = "IMAGINTALK_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, scene_of(context).imagintalk.settings
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("quality", "seed", "takes"):
            layout.prop(settings, name)
        row = layout.row(heading="Guidance")
        row.prop(settings, "use_guidance", text="")
        row.prop(settings, "guidance", text="")
        for name in ("folder", "pattern", "channel_rule"):
            layout.prop(settings, name)
        if settings.channel_rule == "FIXED":
            layout.prop(settings, "channel")
        row = layout.row(heading="Match LUFS")
        row.prop(settings, "match_loudness", text="")
        row.prop(settings, "lufs", text="")
        layout.prop(settings, "replace_sound")
        if settings.replace_sound:
            layout.prop(settings, "crossfade")


_CLASSES = (
    IMAGINTALK_UL_jobs,
    IMAGINTALK_UL_takes,
    IMAGINTALK_PT_main,
    IMAGINTALK_PT_jobs,
    IMAGINTALK_PT_takes,
    IMAGINTALK_PT_voice,
    IMAGINTALK_PT_worker,
    IMAGINTALK_PT_settings,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
