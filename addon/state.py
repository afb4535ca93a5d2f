"""The session that runs, and what Blender's side of it does: connecting, and copies of jobs in the scenes."""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import bpy

from . import compat, paths, placing, preferences, rendering, strips
from .dub import FETCHING, OPEN, READY, RENDERING, SENDING, WAITING, Dub
from .errands import Destination
from .sdna import SdnaError
from .session import NONE, REFUSED, Session
from .sound_file import Finish
from .stored_strip import learn_layouts
from .worker_api import QUEUED, RUNNING, ClientError
from .worker_process import find_program, start_worker

_session: Session | None = None
_fresh = True
"""A file was loaded whose jobs are not taken up yet."""
_ADOPTS_S = 0.005
"""For which jobs of a file that was just loaded are taken up at once."""


def session() -> Session:
    """The one of this run; made by `begin`."""
    assert _session is not None, "the add-on is not registered"
    return _session


def running() -> bool:
    return _session is not None


def begin() -> None:
    global _session
    _session = Session(destination)
    after_load()


def end() -> None:
    global _session
    if _session is not None:
        _session.disconnect()
    _session = None


def version() -> str:
    """Of the add-on."""
    here = Path(__file__).parent
    manifest = next(path for path in (here, here.parent) if (path / "blender_manifest.toml").is_file())
    return str(tomllib.loads((manifest / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])


def connect() -> None:
    """Look for the worker where the preferences say."""
    if _session is None:
        return
    try:
        place = preferences.place()
    except ClientError as error:
        _session.disconnect()
        _session.trouble = str(error)
        return
    if _session.link is None or _session.link.place != place:
        _session.trouble = ""
        _session.connect(place, version())


def start() -> None:
    """Start a worker on this machine. Raises ClientError: it is not known how, or the worker is elsewhere."""
    connect()
    now = session()
    if now.link is None:
        raise ClientError(now.trouble)
    if now.link.place.state is None:
        raise ClientError(f"the worker on {now.link.place.words} must be started there")
    if now.worker != NONE:
        return
    program = find_program(bpy.path.abspath(preferences.preferences().python))
    now.starts()
    start_worker(program, now.link.place.state, now.news.put)


def ensure_worker() -> None:
    """Have one started where none runs and that is wished. Raises ClientError: there is none and will be none."""
    settle()
    connect()
    now = session()
    if now.link is None or now.worker == REFUSED:
        raise ClientError(now.trouble)
    if now.worker == NONE and now.link.place.state is not None and preferences.preferences().auto_start:
        start()


def destination(dub: Dub) -> Destination:
    """Where the takes of a dub go, as things stand now."""
    pieces = placing.home_of(dub)
    scene = pieces[0].scene if pieces else bpy.data.scenes.get(dub.scene) or bpy.data.scenes[0]
    settings = scene.imagintalk.settings
    has_sound = settings.replace_sound and any(
        strips.own_sounds(compat.container_of(one.strip, scene), one.strip) for one in pieces
    )
    return Destination(
        paths.takes_folder(settings.folder, bpy.data.filepath),
        partial(paths.stem_of, settings.pattern, dub),
        Finish(settings.lufs if settings.match_loudness else None, settings.crossfade if has_sound else 0.0),
    )


def after_load() -> None:
    """Another file was loaded: its jobs are taken up at the next beat, or before what a user asks for then."""
    global _fresh
    _fresh = True


def settle() -> None:
    """Take up the jobs of a file that was loaded since the last time."""
    global _fresh
    if not _fresh:
        return
    _fresh = False
    with suppress(SdnaError):  # told where it matters
        learn_layouts()
    rendering.stop_all()
    connect()
    _load()


def _load() -> None:
    now = session()
    for known in (now.dubs, now.changed, now.dropped, now.unreadable, now.looks, now.unsealed):
        known.clear()
    adopt(time.perf_counter() + _ADOPTS_S)


def adopt(until: float) -> None:
    """Take up the jobs of scenes that have come, with their file or by append; more than one until a moment only."""
    now = session()
    known = len(now.dubs) + len(now.unreadable)
    if sum(len(scene.imagintalk.jobs) for scene in bpy.data.scenes) == known:  # as at nearly every beat
        return
    came: list[Dub] = []
    for scene, item in [(holder, item) for holder in bpy.data.scenes for item in holder.imagintalk.jobs]:
        if item.name in now.dubs or item.name in now.dropped or item.name in now.unreadable:
            continue
        try:
            dub = Dub.from_json(item.data)
        except ValueError as error:
            item.state, item.reason = "failed", str(error)
            now.unreadable.add(item.name)
            continue
        dub.state, dub.scene = _state_after_load(dub), scene.name
        now.add(dub)
        came.append(dub)
        if time.perf_counter() > until:
            break
    now.changed |= _doubled() & now.dubs.keys()
    if came:
        now.send(dub for dub in came if dub.state == WAITING)
        _resume()


def _doubled() -> set[str]:
    """Keys of jobs that several scenes have: a full copy of a scene has the jobs of the one that it was copied from."""
    count = Counter(item.name for scene in bpy.data.scenes for item in scene.imagintalk.jobs)
    return {key for key, times in count.items() if times > 1}


def _state_after_load(dub: Dub) -> str:
    if dub.state == READY:
        here = all(Path(bpy.path.abspath(path)).is_file() for path, _ in dub.files)
        return READY if here and dub.files else QUEUED
    if dub.state in (SENDING, WAITING):
        return WAITING
    if dub.state in (QUEUED, RUNNING, FETCHING):
        return QUEUED if dub.number is not None else WAITING
    return dub.state


def _resume() -> None:
    """Hear how the loaded jobs stand; a worker is started for them where none runs."""
    now = session()
    if any(dub.state in OPEN and dub.state not in (READY, RENDERING) for dub in now.dubs.values()):
        try:
            ensure_worker()
        except ClientError as error:
            now.trouble = str(error)
    now.listen_again()


def write_jobs(keys: set[str]) -> None:
    """Bring the scenes' copies of these dubs up to date."""
    now = session()
    for key in keys:
        dub = now.dubs.get(key)
        if dub is None:
            for scene in bpy.data.scenes:
                found = scene.imagintalk.jobs.find(key)
                if found >= 0:
                    scene.imagintalk.jobs.remove(found)
        else:
            if not dub.open:
                rendering.clean(dub.request.path)
            _write_job(dub)


def _write_job(dub: Dub) -> None:
    holders = [scene for scene in compat.own_scenes() if scene.imagintalk.jobs.find(dub.key) >= 0]
    holder = next((scene for scene in holders if scene.name == dub.scene), None)
    if holder is None:  # the scene was renamed, or the job undone
        holder = holders[0] if holders else bpy.data.scenes.get(dub.scene) or bpy.data.scenes[0]
    for scene in holders:
        if scene != holder:
            scene.imagintalk.jobs.remove(scene.imagintalk.jobs.find(dub.key))
    if not holders:
        holder.imagintalk.jobs.add().name = dub.key
    item: Any = holder.imagintalk.jobs[dub.key]
    dub.scene = holder.name
    item.data, item.label, item.state, item.stage = dub.to_json(), dub.label, dub.state, dub.stage
    item.fraction, item.reason = dub.fraction, dub.reason
    item.seconds_left = -1.0 if dub.seconds_left is None else dub.seconds_left
