"""Cancelling, retrying and clearing jobs."""

from typing import Any

import bpy
from bpy.props import StringProperty

from .. import state
from ..dub import Dub
from ..worker_api import CANCELLED, DONE, FAILED, ClientError
from .common import refused, register_all, scene_of, unregister_all


def _write() -> None:
    session = state.session()
    changed, session.changed = session.changed, set()
    state.write_jobs(changed)


def _dubs(*wanted: str) -> list[Dub]:
    return [dub for dub in state.session().dubs.values() if dub.state in wanted]


class IMAGINTALK_OT_cancel(bpy.types.Operator):
    """Stop this job"""

    bl_idname = "imagintalk.cancel"
    bl_label = "Cancel Job"

    key: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        return any(dub.open for dub in state.session().dubs.values())

    def execute(self, context: Any) -> set[str]:
        dub = state.session().dubs.get(self.key) or _chosen(context)
        if dub is None or not dub.open:
            return refused(self, "the job is not running any more")
        state.session().cancel([dub])
        _write()
        return {"FINISHED"}


class IMAGINTALK_OT_cancel_all(bpy.types.Operator):
    """Stop all jobs of this file"""

    bl_idname = "imagintalk.cancel_all"
    bl_label = "Cancel All Jobs"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return any(dub.open for dub in state.session().dubs.values())

    def execute(self, context: Any) -> set[str]:
        state.session().cancel([dub for dub in state.session().dubs.values() if dub.open])
        _write()
        return {"FINISHED"}


class IMAGINTALK_OT_retry_job(bpy.types.Operator):
    """Once more try this job, which failed or was cancelled"""

    bl_idname = "imagintalk.retry_job"
    bl_label = "Retry Job"

    key: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not _dubs(FAILED, CANCELLED):
            cls.poll_message_set("No job has failed or was cancelled")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        dub = state.session().dubs.get(self.key) or _chosen(context)
        if dub is None or dub.state not in (FAILED, CANCELLED):
            return refused(self, "the job neither failed nor was cancelled; choose one that did")
        return _retry(self, [dub])


class IMAGINTALK_OT_retry(bpy.types.Operator):
    """Once more try every job that failed; cancelled ones are left alone"""

    bl_idname = "imagintalk.retry"
    bl_label = "Retry Failed Jobs"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not _dubs(FAILED):
            cls.poll_message_set("No job has failed; a cancelled one is tried again by the button beside it")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        return _retry(self, _dubs(FAILED))


def _retry(operator: Any, dubs: list[Dub]) -> set[str]:
    session = state.session()
    try:
        state.ensure_worker()
    except ClientError as error:
        return refused(operator, error)
    for dub in dubs:
        if not session.fetch_again(dub):
            session.again(dub)
    _write()
    return {"FINISHED"}


class IMAGINTALK_OT_clear(bpy.types.Operator):
    """Take finished, failed and cancelled jobs off the list; takes stay"""

    bl_idname = "imagintalk.clear"
    bl_label = "Clear Finished Jobs"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(_dubs(DONE, FAILED, CANCELLED))

    def execute(self, context: Any) -> set[str]:
        for dub in _dubs(DONE, FAILED, CANCELLED):
            state.session().drop(dub)
        _write()
        return {"FINISHED"}


def _chosen(context: Any) -> Dub | None:
    stated = scene_of(context).imagintalk
    if 0 <= stated.active_job < len(stated.jobs):
        return state.session().dubs.get(stated.jobs[stated.active_job].name)
    return None


_CLASSES = (
    IMAGINTALK_OT_cancel,
    IMAGINTALK_OT_cancel_all,
    IMAGINTALK_OT_retry_job,
    IMAGINTALK_OT_retry,
    IMAGINTALK_OT_clear,
)


def register() -> None:
    register_all(_CLASSES)


def unregister() -> None:
    unregister_all(_CLASSES)
