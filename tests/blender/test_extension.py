"""The zip: built, validated, installed, enabled, used, disabled, removed. And what it offers."""

from __future__ import annotations

import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import addon_utils
import bpy
import pytest
from editing import put, takes_of
from extension import EXTENSION
from films import Film
from workers import Served

_LARGEST = 1 << 20


def test_the_zip_holds_what_blender_lacks_and_no_more(archive: Path) -> None:
    assert archive.stat().st_size <= _LARGEST
    with zipfile.ZipFile(archive) as packed:
        names = packed.namelist()
        manifest = tomllib.loads(packed.read("blender_manifest.toml").decode())
    assert {Path(wheel).name.split("-")[0] for wheel in manifest["wheels"]} == {"rpyc", "plumbum"}
    assert {"__init__.py", "LICENSE", "carried/client.py", "carried/protocol.py"} <= set(names)
    assert not any(name.endswith("build.py") or "__pycache__" in name for name in names)


def test_every_action_is_in_the_strip_menu_with_a_tooltip(addon: Any) -> None:
    """F3 searches what the menus hold."""
    offered = {entry[0] for entry in addon.part("menus")._OPERATORS if entry is not None}
    known = {f"imagintalk.{name}" for name in dir(bpy.ops.imagintalk)}
    assert offered == known
    for name in known:
        told = getattr(bpy.ops.imagintalk, name.removeprefix("imagintalk.")).get_rna_type()
        assert told.description, name
        assert not told.description.endswith("."), name


def test_every_setting_has_a_tooltip(addon: Any, scene: Any) -> None:
    for holder in (scene.imagintalk.settings, addon.preferences):
        for name in type(holder).__annotations__:
            assert holder.bl_rna.properties[name].description, name


def test_emotions_are_those_of_the_worker(addon: Any) -> None:
    from imagintalk.emotions import Emotion

    assert list(addon.part("properties").EMOTIONS) == ["auto", *(emotion.word for emotion in Emotion)]


def test_the_workers_folder_is_where_the_worker_keeps_it(addon: Any) -> None:
    settings = pytest.importorskip("imagintalk_server.settings", reason="the worker has an environment of its own")
    assert addon.part("worker_process").default_state() == settings.default_state()


def test_installed_used_disabled_enabled_removed(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    """Removed last: what follows in this process has no add-on."""
    put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.finish()
    placed = int(bpy.app.build_options.audaspace)  # the module of 4.2 knows no sound
    assert (len(takes_of(addon, scene)), len(scene.imagintalk.takes)) == (placed, 1)
    tick = addon.part("tick").tick
    handlers = len(bpy.app.handlers.save_pre)

    addon_utils.disable(EXTENSION)
    assert not bpy.app.timers.is_registered(tick)
    assert len(bpy.app.handlers.save_pre) == handlers - 1
    assert not hasattr(bpy.types.Scene, "imagintalk")
    assert tick() is None

    began = time.perf_counter()
    addon_utils.enable(EXTENSION)
    assert time.perf_counter() - began < 0.5
    assert [take.label for take in scene.imagintalk.takes] == ["film_auto_0"]

    bpy.ops.extensions.package_uninstall(repo_index=_repository(), pkg_id="imagintalk")
    assert EXTENSION not in bpy.context.preferences.addons
    assert not hasattr(bpy.types, "IMAGINTALK_OT_generate")
    assert len(takes_of_removed(scene)) == placed


def _repository() -> int:
    return [one.module for one in bpy.context.preferences.extensions.repos].index("user_default")


def takes_of_removed(scene: Any) -> list[Any]:
    name = "strips_all" if hasattr(scene.sequence_editor, "strips_all") else "sequences_all"
    return [strip for strip in getattr(scene.sequence_editor, name) if "imagintalk_take" in strip]
