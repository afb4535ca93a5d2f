"""Add-on preferences: where the worker is."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from .link import Place
from .worker_api import ClientError
from .worker_process import default_state


def _reconnect(self: Any, context: Any) -> None:
    from . import state

    state.connect()


class ImaginTalkPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    where: EnumProperty(
        name="Worker",
        description="Where the worker runs",
        items=[
            ("LOCAL", "This Machine", "A worker of yours on this machine; it is started when it is needed"),
            ("REMOTE", "Another Machine", "A worker elsewhere, over TLS with client certificates"),
        ],
        default="LOCAL",
        update=_reconnect,
    )
    python: StringProperty(
        name="Python of ImaginTalk",
        description="Python that has ImaginTalk installed; empty: `imagintalk` is looked for on PATH",
        subtype="FILE_PATH",
    )
    auto_start: BoolProperty(
        name="Start the Worker when Needed", description="Generate starts a worker where none runs", default=True
    )
    state_folder: StringProperty(
        name="Worker's Folder",
        description="Where the worker on this machine keeps its journal and address; empty: where it does by itself",
        subtype="DIR_PATH",
        update=_reconnect,
    )
    host: StringProperty(name="Host", description="Name or address of the other machine", update=_reconnect)
    port: IntProperty(name="Port", description="Port of the worker", default=7860, min=1, max=65535, update=_reconnect)
    certificates: StringProperty(
        name="Certificates",
        description="The client's folder that `imagintalk worker certificates` made",
        subtype="DIR_PATH",
        update=_reconnect,
    )

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "where", expand=True)
        if self.where == "LOCAL":
            layout.prop(self, "python")
            layout.prop(self, "auto_start")
            layout.prop(self, "state_folder")
        else:
            layout.prop(self, "host")
            layout.prop(self, "port")
            layout.prop(self, "certificates")


def preferences() -> Any:
    return bpy.context.preferences.addons[__package__].preferences


def place() -> Place:
    """Where the preferences say that the worker is. Raises ClientError: they are incomplete, or Blender is offline."""
    chosen = preferences()
    if chosen.where == "LOCAL":
        return Place(Path(bpy.path.abspath(chosen.state_folder)) if chosen.state_folder else default_state())
    if not chosen.host or not chosen.certificates:
        raise ClientError("a worker on another machine needs host and certificates; set them in the preferences")
    if not bpy.app.online_access:
        raise ClientError("Blender is offline; allow online access in Preferences, System, to use another machine")
    return Place(None, chosen.host, chosen.port, Path(bpy.path.abspath(chosen.certificates)))


def register() -> None:
    bpy.utils.register_class(ImaginTalkPreferences)


def unregister() -> None:
    bpy.utils.unregister_class(ImaginTalkPreferences)
