"""Starting, stopping and connecting to the worker, and what it can tell."""

import platform
import re
from typing import Any

import bpy

from .. import errands, state
from ..session import READY_TO_WORK, STOPPING
from ..worker_api import ClientError
from .common import refused, register_all, unregister_all


class IMAGINTALK_OT_start_worker(bpy.types.Operator):
    """Start the worker on this machine; it goes on when Blender is closed"""

    bl_idname = "imagintalk.start_worker"
    bl_label = "Start Worker"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return state.session().worker != READY_TO_WORK

    def execute(self, context: Any) -> set[str]:
        try:
            state.start()
        except ClientError as error:
            state.session().trouble = str(error)
            return refused(self, error)
        return {"FINISHED"}


class IMAGINTALK_OT_stop_worker(bpy.types.Operator):
    """Stop the worker; its jobs wait until it is started again"""

    bl_idname = "imagintalk.stop_worker"
    bl_label = "Stop Worker"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return state.session().worker == READY_TO_WORK

    def execute(self, context: Any) -> set[str]:
        link = state.session().link
        if link is not None:
            state.session().worker = STOPPING
            errands.shut_down(link)
        return {"FINISHED"}


class IMAGINTALK_OT_connect(bpy.types.Operator):
    """Look for the worker where the preferences say, anew"""

    bl_idname = "imagintalk.connect"
    bl_label = "Connect to Worker"

    def execute(self, context: Any) -> set[str]:
        session = state.session()
        session.disconnect()
        session.trouble = ""
        state.connect()
        return refused(self, session.trouble) if session.trouble else {"FINISHED"}


def diagnostics() -> str:
    """What one who helps wants to know: no folder of the user's, no token."""
    session = state.session()
    hello, status = session.hello, session.status
    lines = [
        f"ImaginTalk {state.version()}, Blender {bpy.app.version_string}, {platform.platform()}",
        f"worker: {session.worker}; trouble: {session.trouble or 'none'}",
    ]
    if hello is not None:
        lines.append(f"version {hello.version}, protocol {hello.protocol}, model {hello.model}, local {hello.local}")
    if status is not None:
        lines.append(f"device {status.device}, lanes {', '.join(status.lanes)}, memory {status.memory_bytes >> 20} MB")
        lines.append("counts " + ", ".join(f"{name} {count}" for name, count in status.counts))
    states = [dub.state for dub in session.dubs.values()]
    lines.append("jobs " + (", ".join(f"{name} {states.count(name)}" for name in sorted(set(states))) or "none"))
    lines += [f"failed: {dub.reason}" for dub in session.dubs.values() if dub.reason]
    return re.sub(r"(?<!\w)/(?:[^\s/:]+/)+", "", "\n".join(lines))


class IMAGINTALK_OT_diagnostics(bpy.types.Operator):
    """Copy what one who helps wants to know to the clipboard"""

    bl_idname = "imagintalk.diagnostics"
    bl_label = "Copy Diagnostics"

    def execute(self, context: Any) -> set[str]:
        context.window_manager.clipboard = diagnostics()
        self.report({"INFO"}, "copied")
        return {"FINISHED"}


_CLASSES = (
    IMAGINTALK_OT_start_worker,
    IMAGINTALK_OT_stop_worker,
    IMAGINTALK_OT_connect,
    IMAGINTALK_OT_diagnostics,
)


def register() -> None:
    register_all(_CLASSES)


def unregister() -> None:
    unregister_all(_CLASSES)
