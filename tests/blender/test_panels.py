"""What the sidebar shows in each state, as sentences that a person can act on."""

from __future__ import annotations

from typing import Any

import bpy
import pytest
from editing import put
from films import Film
from layouts import draw, draw_rows
from workers import Served

PANELS = ("main", "jobs", "takes", "voice", "worker", "settings")


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_draws_without_strips_and_without_a_worker(addon: Any, scene: Any, panel: str) -> None:
    layout = draw(addon, panel, bpy.context)
    assert layout.shown or layout.offered or layout.properties


def test_what_is_made_is_seen(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    put(addon, scene, film("slow warns.mp4"))
    bpy.ops.imagintalk.generate()
    addon.beat(lambda: addon.dubs[0].state == "running" and addon.dubs[0].fraction > 0.3)
    ((fraction, words),) = draw_rows(addon, "jobs", bpy.context, scene.imagintalk.jobs).bars
    assert 0.3 < fraction < 1
    assert words.startswith("imagining the speech")
    addon.finish()
    assert "done" in draw_rows(addon, "jobs", bpy.context, scene.imagintalk.jobs).shown
    assert "auto 0" in draw_rows(addon, "takes", bpy.context, scene.imagintalk.takes).shown
    assert "the lips are drawn" in draw(addon, "takes", bpy.context).shown


def test_a_failure_is_told_and_can_be_tried_again(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    put(addon, scene, film("refuses.mp4"))
    bpy.ops.imagintalk.generate()
    addon.finish()
    rows = draw_rows(addon, "jobs", bpy.context, scene.imagintalk.jobs)
    assert "refuses.mp4: no face" in rows.shown
    assert rows.offered == ["imagintalk.retry_job"]
    assert "refuses.mp4: no face" in draw(addon, "jobs", bpy.context).shown


def test_the_worker_is_seen(addon: Any, worker: Served, scene: Any, film: Film) -> None:
    addon.beat(lambda: addon.session.status is not None)
    shown = draw(addon, "worker", bpy.context).shown
    assert "ready on this machine" in shown
    assert any(line.startswith("device:") for line in shown)
    put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.finish()
    addon.beat(lambda: addon.session.status is not None and addon.session.status.gpu_bytes)
    assert "GPU memory: 3.0 of 8.0 GB" in draw(addon, "worker", bpy.context).shown
    worker.kill()
    addon.beat(lambda: addon.session.worker == "no worker")
    assert "no worker on this machine" in draw(addon, "worker", bpy.context).shown
    shown = " ".join(draw(addon, "main", bpy.context).shown)
    assert "the worker is gone" in shown
    assert "jobs wait" not in shown  # there are none


def test_what_jobs_lack_is_told_while_there_are_any(addon: Any, scene: Any, film: Film) -> None:
    put(addon, scene, film())
    bpy.ops.imagintalk.generate()
    addon.beat(lambda: addon.session.last_words)
    told = "no worker runs on this machine; jobs wait, and go on when there is one"
    assert told in " ".join(draw(addon, "main", bpy.context).shown)
    bpy.ops.imagintalk.cancel_all()
    assert "jobs wait" not in " ".join(draw(addon, "main", bpy.context).shown)


def test_a_long_sentence_takes_several_lines_and_loses_no_word(addon: Any) -> None:
    from layouts import Layout

    layout = Layout()
    text = " ".join(f"word{n}" for n in range(60))
    addon.part("panels").sentence(layout, text)
    assert " ".join(layout.shown) == text
    assert max(map(len, layout.shown)) <= 46


@pytest.mark.parametrize("first", ["x" * 46, "/folder" * 20])
def test_a_long_first_word_begins_the_first_line(addon: Any, first: str) -> None:
    from layouts import Layout

    layout = Layout()
    addon.part("panels").sentence(layout, f"{first} and more")
    assert "".join(layout.shown).replace(" ", "") == f"{first}andmore"
    assert layout.shown[0].startswith(first[:40])
    assert max(map(len, layout.shown)) <= 46
