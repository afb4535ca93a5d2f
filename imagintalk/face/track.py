"""Faces followed through a clip: found in every third frame, interpolated between, bridged where they were lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imagintalk.face.finder import FaceFinder
from imagintalk.face.geometry import face_heights, mouth_openings, yaw_degrees
from imagintalk.rates import VIDEO_FPS
from imagintalk.types import FaceTrack

STRIDE = 3
"""Every third frame is searched; the faces in between are interpolated (enough for the crops, measured)."""

BRIDGE_FRAMES = VIDEO_FPS
"""Longest gap, in frames, that is interpolated; in a longer one the nearer sighting is held."""

_REACH = 1.0
"""How far a face may move between two sightings, in face heights, and still be the same one."""

_LARGEST_CHANGE = 2.5
"""How much a face may grow or shrink between two sightings."""

_MIN_SHARE = 0.05
"""A face found in less than this share of the searched frames is taken for an error of the finder or a passer-by."""

_MAX_TRACKS = 8


@dataclass
class _Sightings:
    frames: list[int] = field(default_factory=list)
    faces: list[NDArray[np.float32]] = field(default_factory=list)
    jumps: set[int] = field(default_factory=set)
    """Frames of sightings that a cut, not a movement, separates from the one before."""

    def add(self, frame: int, face: NDArray[np.float32]) -> None:
        self.frames.append(frame)
        self.faces.append(face)


def track_faces(
    frames: Iterable[NDArray[np.uint8]], count: int, report: Callable[[float], None] | None = None
) -> list[FaceTrack]:
    """Follow the faces of a clip of `count` RGB frames (H, W, 3) at 25 fps. Frames are taken one at a time.

    Returns the tracks, largest face first; empty when there is no face. A face that vanishes while another one appears
    elsewhere at the same instant (a cut) goes on in the same track. `report` is called with the share of frames done.
    """
    growing: list[_Sightings] = []
    searched = 0
    with FaceFinder() as finder:
        for index, picture in enumerate(frames):
            if index % STRIDE and index != count - 1:
                continue
            _grow(growing, index, finder.find(picture))
            searched += 1
            if report is not None:
                report((index + 1) / count)
    needed = max(1, round(_MIN_SHARE * searched))
    kept = sorted((s for s in growing if len(s.frames) >= needed), key=lambda s: -len(s.frames))[:_MAX_TRACKS]
    kept.sort(key=lambda s: -float(face_heights(np.stack(s.faces)).mean()))
    return [_finish(index, sightings, count) for index, sightings in enumerate(kept)]


def _grow(growing: list[_Sightings], index: int, faces: list[NDArray[np.float32]]) -> None:
    """Give each face of frame `index` to the track it continues, or start one."""
    pairs = []
    for t, track in enumerate(growing):
        for f, face in enumerate(faces):
            distance, change = _apart(track.faces[-1], face)
            if distance < _REACH and change < _LARGEST_CHANGE:
                pairs.append((distance, t, f))
    free_tracks, free_faces = set(range(len(growing))), set(range(len(faces)))
    for _, t, f in sorted(pairs):
        if t in free_tracks and f in free_faces:
            growing[t].add(index, faces[f])
            free_tracks.remove(t)
            free_faces.remove(f)
    for f in sorted(free_faces):
        just_lost = [t for t in sorted(free_tracks) if index - growing[t].frames[-1] <= STRIDE]
        cut_to = next((t for t in just_lost if _apart(growing[t].faces[-1], faces[f])[1] < _LARGEST_CHANGE), None)
        if cut_to is None:
            growing.append(_Sightings([index], [faces[f]]))
        else:
            growing[cut_to].add(index, faces[f])
            growing[cut_to].jumps.add(index)
            free_tracks.remove(cut_to)


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, float]:
    """Distance of two faces in heights of the larger one, and how many times larger that one is."""
    heights = face_heights(np.stack([one, other])) + 1e-6
    distance = np.linalg.norm(one[:, :2].mean(axis=0) - other[:, :2].mean(axis=0))
    return float(distance / heights.max()), float(heights.max() / heights.min())


def _finish(index: int, sightings: _Sightings, count: int) -> FaceTrack:
    landmarks, seen = _fill(sightings, count)
    return FaceTrack(
        index=index,
        landmarks=np.ascontiguousarray(landmarks[..., :2]),
        seen=seen,
        mouth_motion=_mouth_motion(sightings),
        yaw=yaw_degrees(landmarks),
    )


def _fill(sightings: _Sightings, count: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Landmarks (T, 478, 3) for every frame from those of some, and where they rest on a sighting nearby."""
    at = np.array(sightings.frames)
    faces = np.stack(sightings.faces)
    frames = np.arange(count)
    right = np.searchsorted(at, frames).clip(max=len(at) - 1)
    left = np.where(at[right] <= frames, right, np.maximum(right - 1, 0))
    gap = at[right] - at[left]
    share = np.where(gap > 0, (frames - at[left]) / np.maximum(gap, 1), 0.0)
    held = (gap > BRIDGE_FRAMES) | np.isin(at[right], sorted(sightings.jumps))
    share = np.where(held, np.round(share), share)[:, None, None].astype(np.float32)
    landmarks = faces[left] * (1 - share) + faces[right] * share
    seen = np.isin(frames, at) | ((gap > 0) & (gap <= STRIDE))
    return landmarks, seen


def _mouth_motion(sightings: _Sightings) -> float:
    """Mean absolute change of the gap between the lips per second, in face heights, over neighbouring sightings."""
    at = np.array(sightings.frames)
    openings = mouth_openings(np.stack(sightings.faces))
    steps = np.diff(at)
    near = (steps <= STRIDE) & ~np.isin(at[1:], sorted(sightings.jumps))
    if not near.any():
        return 0.0
    return float(np.abs(np.diff(openings))[near].sum() * VIDEO_FPS / steps[near].sum())
