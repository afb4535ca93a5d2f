"""Cancelling, retrying and clearing jobs."""

from typing import Any

import bpy
from bpy.props import StringProperty

from .. import rendering, state
from ..dub import Dub
from ..wishes import Wish, choice_from
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
        rendering.stop(dub.key)
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
        rendering.stop_all()
        state.session().wishes.clear()
        state.session().cancel([dub for dub in state.session().dubs.values() if dub.open])
        _write()
        return {"FINISHED"}


class IMAGINTALK_OT_retry(bpy.types.Operator):
    """Once more try every job that failed"""

    bl_idname = "imagintalk.retry"
    bl_label = "Retry Failed Jobs"

    key: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(_dubs(FAILED, CANCELLED))

    def execute(self, context: Any) -> set[str]:
        session = state.session()
        failed = [session.dubs[self.key]] if self.key in session.dubs else _dubs(FAILED)
        try:
            state.ensure_worker()
        except ClientError as error:
            return refused(self, error)
        for dub in failed:
            if not session.fetch_again(dub):
                session.drop(dub)
                rendering.clean(dub.request.path)
                choice = choice_from(dub.request)
                session.wishes.append(Wish(dub.scene, dub.source, dub.label, choice, dub.request.priority))
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
            rendering.clean(dub.request.path)
            state.session().drop(dub)
        _write()
        return {"FINISHED"}


def _chosen(context: Any) -> Dub | None:
    stated = scene_of(context).imagintalk
    if 0 <= stated.active_job < len(stated.jobs):
        return state.session().dubs.get(stated.jobs[stated.active_job].name)
    return None


_CLASSES = (IMAGINTALK_OT_cancel, IMAGINTALK_OT_cancel_all, IMAGINTALK_OT_retry, IMAGINTALK_OT_clear)


def register() -> None:
    register_all(_CLASSES)


def unregister() -> None:
    unregister_all(_CLASSES)
