"""Starting, stopping and connecting to the worker, and what it can tell."""

from typing import Any

import bpy

from .. import errands, state
from ..diagnostics import diagnostics
from ..session import NONE, READY_TO_WORK, REFUSED, STARTING, STOPPING
from ..worker_api import ClientError
from .common import refused, register_all, unregister_all

_WHY_NOT_START = {
    STARTING: "It is being started",
    READY_TO_WORK: "It runs already",
    STOPPING: "It is being stopped; wait until it is gone",
    REFUSED: "There is one already, which does not let us in: the panel says why; Connect tries again",
}


class IMAGINTALK_OT_start_worker(bpy.types.Operator):
    """Start the worker on this machine; it goes on when Blender is closed"""

    bl_idname = "imagintalk.start_worker"
    bl_label = "Start Worker"

    @classmethod
    def poll(cls, context: Any) -> bool:
        worker = state.session().worker
        if worker != NONE:
            cls.poll_message_set(_WHY_NOT_START[worker])
            return False
        return True

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
