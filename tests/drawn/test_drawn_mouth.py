from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imagintalk.drawn.mesh import face_mesh
from imagintalk.drawn.mouth import PARAMETERS, TARGETS, mouth_track
from imagintalk.drawn.voice import Span

COLUMN = {name: i for i, name in enumerate(PARAMETERS)}


def _say(*phones: str, length: float = 0.12) -> NDArray[np.float32]:
    spans = [Span(name, 0.4 + i * length, 0.4 + (i + 1) * length) for i, name in enumerate(phones)]
    return mouth_track(spans, 50)


def _gap(shape: NDArray[np.float32]) -> float:
    points = face_mesh().shape(shape, 0.0)
    return float(points[13, 1] - points[14, 1])


def _shape(phone: str) -> NDArray[np.float32]:
    shape = np.zeros(len(PARAMETERS), np.float32)
    for name, (value, _) in TARGETS[phone].items():
        shape[COLUMN[name]] = value
    return shape


def test_the_mouth_is_shut_in_silence() -> None:
    track = mouth_track((), 20)
    assert track.shape == (20, len(PARAMETERS)) and track.dtype == np.float32
    assert np.allclose(track[:, COLUMN["close"]], 1) and np.allclose(track[:, COLUMN["jaw"]], 0)
    assert all(abs(_gap(row)) < 1e-6 for row in track[::5])


@pytest.mark.parametrize("stop", ["b", "p", "m"])
@pytest.mark.parametrize("length", [0.03, 0.05, 0.12])
def test_lips_meet_between_open_vowels_however_short_the_stop(stop: str, length: float) -> None:
    spans = [Span("a", 0.3, 0.6), Span(stop, 0.6, 0.6 + length), Span("a", 0.6 + length, 0.9 + length)]
    track = mouth_track(spans, 50)
    gaps = [_gap(row) for row in track]
    at = round((0.6 + length / 2) * 25 - 0.5)
    assert min(gaps[at - 1 : at + 2]) < 0.02
    assert max(gaps[9:14]) > 1.0 and max(gaps[at + 4 : at + 8]) > 1.0


def test_vowels_open_as_far_as_their_height_says() -> None:
    assert _gap(_shape("a")) > _gap(_shape("ɛ")) > _gap(_shape("i")) > 0.2


def test_rounding_narrows_and_spreading_widens_the_mouth() -> None:
    def width(phone: str) -> float:
        points = face_mesh().shape(_shape(phone), 0.0)
        return float(points[291, 0] - points[61, 0])

    assert width("u") < width("a") - 0.8 and width("i") > width("a") + 0.4
    points = face_mesh().shape(_shape("u"), 0.0)
    assert points[0, 2] > face_mesh().rest[0, 2] + 0.3


def test_the_lower_lip_goes_under_the_teeth_in_f() -> None:
    points = face_mesh().shape(_shape("f"), 0.0)
    assert points[14, 2] < face_mesh().rest[14, 2] - 0.3


def test_a_phone_far_away_does_not_change_a_frame() -> None:
    assert np.allclose(_say("a", "b", "i")[:12], _say("a", "b", "u")[:12], atol=0.01)


def test_every_phone_has_a_shape_of_its_own() -> None:
    shapes = {name: _shape(name) for name in TARGETS}
    names = sorted(shapes)
    closest = min(float(np.abs(shapes[a] - shapes[b]).max()) for a in names for b in names if a < b)
    assert closest > 0.04


def test_only_the_mouth_and_jaw_move_when_speaking_and_only_the_lids_when_blinking() -> None:
    mesh = face_mesh()
    moved = np.linalg.norm(mesh.shape(_shape("a"), 0.0) - mesh.rest, axis=1)
    assert moved[[10, 33, 263, 168, 4]].max() < 1e-6 and moved[152] > 0.7
    rest = np.zeros(len(PARAMETERS), np.float32)
    blinked = np.linalg.norm(mesh.shape(rest, 1.0) - mesh.rest, axis=1)
    assert blinked[159] > 0.3 and blinked[[13, 14, 152, 4, 70]].max() < 1e-6
