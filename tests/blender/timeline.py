"""Films whose pictures tell their number, as strips, and what Blender shows of them: the truth of all times here."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "media"))
from coded_video import BLOCK, HEIGHT, WIDTH, index_of, steady, write_coded_video

RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
)  # fmt: skip


@cache
def numbered_film(count: int, rate: Fraction) -> Path:
    """Picture i of `count` says i. One file for all tests of a process."""
    folder = Path(tempfile.mkdtemp(prefix="numbered"))
    return write_coded_video(folder, f"clicks-{count}-{float(rate):.3f}.mp4", *steady(count, rate))


@cache
def long_film(seconds: int, rate: Fraction) -> Path:
    """Pictures 0 to 839 again and again. A multiple of 7, so that clicks.code_of is the same of picture and number."""
    short, path = numbered_film(840, rate), Path(tempfile.mkdtemp(prefix="long")) / f"clicks-{float(rate):.3f}.mp4"
    with av.open(str(short)) as reader, av.open(str(path), "w") as writer:
        picture = reader.streams.video[0]
        copied = writer.add_stream_from_template(picture)
        packets = [(bytes(packet), packet) for packet in reader.demux(picture) if packet.size]
        for turn in range(round(seconds * rate) // 840):
            shift = round(turn * 840 / rate / picture.time_base)
            for content, packet in packets:
                again = av.Packet(content)
                again.pts, again.dts = packet.pts + shift, packet.dts + shift
                again.time_base, again.stream, again.is_keyframe = packet.time_base, copied, packet.is_keyframe
                again.duration = packet.duration
                writer.mux(again)
    return path


def set_rate(scene: Any, rate: Fraction) -> None:
    scene.render.fps = round(rate)
    scene.render.fps_base = float(round(rate) / rate)


def new_scene(compat: Any, rate: Fraction) -> Any:
    """An empty timeline that shows such films as they are."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    set_rate(scene, rate)
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.view_settings.view_transform = "Standard"
    compat.show_in_sequencer(bpy.context, scene)
    editor = compat.editor(scene)
    if hasattr(editor, "use_cache_raw"):
        # Blender 5.0 keeps raw pictures under the whole number below where a strip has come, but decodes the nearest
        # one: with this cache it shows now the one and then the other, as they happened to be asked for.
        editor.use_cache_raw = False
    return scene


@contextmanager
def sequencer(scene: Any) -> Iterator[None]:
    """For operators that want to be called in a sequencer's area."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        yield


def add_movie(addon: Any, scene: Any, film: Path, start: int, own_rate: bool) -> Any:
    """own_rate: played at the film's rate whatever the scene's, as the operator does that adds movies from the menu."""
    compat = addon.part("compat")
    strip = compat.strips(compat.editor(scene)).new_movie(film.stem, str(film), 3, start)
    if own_rate:  # not by that operator, which crashes Blender 4.3 without a window about once in a hundred times
        of_strip, _ = addon.part("stored_strip")._layouts()
        _set_bit(strip.as_pointer() + of_strip.fields["flag"][0], 17)
    compat.set_active_strip(scene, strip)
    strip.select = True
    return strip


def add_movie_from_menu(addon: Any, scene: Any, film: Path, start: int) -> Any:
    """With that operator."""
    words = {"move_strips": False} if bpy.app.version >= (5, 0) else {}
    with sequencer(scene):
        bpy.ops.sequencer.movie_strip_add(
            filepath=str(film), frame_start=start, channel=3, sound=False, use_framerate=False, **words
        )
    (strip,) = addon.part("compat").all_strips(scene)
    return strip


def add_keys(scene: Any, frames: list[int]) -> None:
    """Retiming keys of the active strip at frames of the timeline; also its first and last key."""
    with sequencer(scene):
        for frame in frames:
            bpy.ops.sequencer.retiming_key_add(timeline_frame=frame)


def change_at_key(addon: Any, scene: Any, strip: Any, number: int, kind: str, frames: int) -> None:
    """kind: `freeze` or `transition`, of so many frames, at one of the strip's retiming keys."""
    _select_key(addon, strip, number)
    with sequencer(scene):
        bpy.ops.sequencer.retiming_show()
        operator = {
            "freeze": bpy.ops.sequencer.retiming_freeze_frame_add,
            "transition": bpy.ops.sequencer.retiming_transition_add,
        }[kind]
        operator(duration=frames)


def _select_key(addon: Any, strip: Any, number: int) -> None:
    """Only a click of the mouse selects a key, or this."""
    of_strip, of_key = addon.part("stored_strip")._layouts()
    keys = of_strip.read_pointer(ctypes.string_at(strip.as_pointer(), of_strip.size), "retiming_handles")
    _set_bit(keys + number * of_key.size + of_key.fields["flag"][0], 4)


def _set_bit(address: int, bit: int) -> None:
    flag = ctypes.c_int.from_address(address)
    flag.value |= 1 << bit


def shown(scene: Any, first: int, end: int) -> list[int | None]:
    """Number of the picture that Blender renders at each frame from `first` to before `end`; None: black."""
    render = scene.render
    scene.frame_start, scene.frame_end = first, end - 1
    with tempfile.TemporaryDirectory() as folder:
        render.use_file_extension, render.filepath = False, str(Path(folder) / "shown.mkv")
        if hasattr(render.image_settings, "media_type"):
            render.image_settings.media_type = "VIDEO"
        render.image_settings.file_format = "FFMPEG"
        render.ffmpeg.format, render.ffmpeg.codec, render.ffmpeg.audio_codec = "MKV", "H264", "NONE"
        render.ffmpeg.gopsize, render.ffmpeg.constant_rate_factor = 1, "PERC_LOSSLESS"
        with _quiet():
            bpy.ops.render.render(animation=True, scene=scene.name)
        with av.open(render.filepath) as file:
            pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(pictures) == end - first
    return [index_of(picture) if picture[:BLOCK].mean() > 127 else None for picture in pictures]


@contextmanager
def _quiet() -> Iterator[None]:
    """Blender tells each frame that it renders."""
    out, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(out, 1)
        os.close(nothing)
        os.close(out)
