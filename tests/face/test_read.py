"""From real clips to crops: the right face, upright, steady, and what is said about those that are hard to read."""

from __future__ import annotations

import os
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imagintalk.errors import Cancelled, ClipError, FaceError
from imagintalk.face.expression import expression_backend
from imagintalk.face.geometry import apply
from imagintalk.face.read import face_warnings, read_face
from imagintalk.face.roi import cut_mouth, mouth_matrices
from imagintalk.media.probe import probe
from imagintalk.media.video import read_frames
from imagintalk.types import Clip, Emotion, FaceCrops, Progress

Picture = NDArray[np.uint8]


def first_clip(folder: Path) -> Path:
    return sorted(folder.glob("*.mp4"))[0]


@pytest.fixture
def man(shared_data: Path) -> Path:
    """A frontal talker, 360 x 288, 75 frames."""
    return first_clip(shared_data / "grid" / "s1")


def pictures(path: Path) -> list[Picture]:
    return list(read_frames(Clip(path), probe(path)))


def encode(path: Path, frames: list[Picture], rate: Fraction | int = 25, rotation: int = 0) -> Clip:
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "ultrafast"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.set_display_rotation(rotation)
        for frame in frames:
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        writer.mux(stream.encode())
    return Clip(path)


def read(clip: Clip, face: int | None = None) -> FaceCrops:
    return read_face(clip, probe(clip.path), face)


def alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two mouth crops."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def test_shapes_and_times_of_all_crops(man: Path) -> None:
    reports: list[Progress] = []
    info = probe(man)
    crops = read_face(Clip(man), info, None, 8, expression_backend("fer"), reports.append)
    assert (crops.mouth.shape, crops.mouth.dtype) == ((75, 96, 96), np.uint8)
    assert crops.face.shape == (8, 160, 160, 3)
    assert crops.face_frames.tolist() == sorted(set(crops.face_frames.tolist()))
    assert crops.expression.shape == (len(crops.expression_frames), 8) == (25, 8)
    assert np.allclose(crops.expression.sum(axis=1), 1, atol=1e-5)
    assert crops.duration_s == 3
    assert crops.track.seen.all()
    assert face_warnings(crops) == ()
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_the_mouth_fills_half_of_the_crop_and_stays_in_its_middle(shared_data: Path) -> None:
    for path in (first_clip(shared_data / "grid" / "s1"), first_clip(shared_data / "grid" / "s4")):
        crops = read(Clip(path))
        corners = [apply(mouth_matrices(crops.track), crops.track.landmarks[:, point]) for point in (61, 291)]
        width = np.linalg.norm(corners[1] - corners[0], axis=1) / 96
        assert 0.45 < np.median(width) < 0.65
        assert (width < 0.75).all()
        assert np.abs((corners[0] + corners[1]) / 2 - 47.5).max() < 4
        middle = crops.mouth.astype(float).mean(axis=0)
        dark = middle[20:76].mean(axis=1).argsort()[:5] + 20
        assert 35 < np.median(dark) < 61  # the line between the lips is the darkest, near the middle


@pytest.mark.parametrize(("angle", "scale"), [(-30, 0.7), (20, 2.5)])
def test_scale_and_tilt_are_normalised(man: Path, tmp_path: Path, angle: int, scale: float) -> None:
    straight = read(Clip(man))
    size = (round(360 * scale / 2) * 2, round(288 * scale / 2) * 2)
    turn = cv2.getRotationMatrix2D((180, 170), angle, 1) * scale
    turned = [cv2.warpAffine(p, turn, size, borderMode=cv2.BORDER_REPLICATE) for p in pictures(man)[:25]]
    crops = read(encode(tmp_path / "turned.mp4", turned))
    for index in (0, 12, 24):
        assert alike(crops.mouth[index], straight.mouth[index]) > 0.9


def test_a_crop_much_smaller_than_the_face_is_averaged_not_skipped() -> None:
    stripes = np.zeros((900, 900, 3), np.uint8)
    stripes[:, ::2] = 255
    matrix = np.array([[0.12, 0.0, 2.3], [0.0, 0.12, -1.7]])
    crop = cv2.resize(cut_mouth(stripes, matrix)[8:-8, 8:-8], (4, 4), interpolation=cv2.INTER_AREA)
    assert np.abs(crop.astype(int) - 127).max() < 12


def test_averaging_keeps_the_place() -> None:
    spot = np.zeros((900, 900, 3), np.uint8)
    cv2.circle(spot, (450, 400), 60, (255, 255, 255), -1)
    matrix = np.array([[0.12, 0.02, -6.0], [-0.02, 0.12, 9.0]])
    crop = cut_mouth(spot, matrix)
    rows, columns = np.nonzero(crop > 127)
    assert np.allclose([columns.mean(), rows.mean()], matrix @ (450, 400, 1), atol=0.3)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), 30, 50, 60])
def test_any_rate_gives_crops_at_25_fps(man: Path, tmp_path: Path, rate: Fraction | int) -> None:
    clip = encode(tmp_path / "v.mp4", pictures(man), rate)
    crops = read(clip)
    assert len(crops.mouth) == round(75 / rate * 25) == len(crops.track.landmarks)
    assert crops.duration_s == probe(clip.path).duration_s


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_rotated_recording_reads_like_an_upright_one(man: Path, tmp_path: Path, quarters: int) -> None:
    lying = [np.ascontiguousarray(np.rot90(p, -quarters)) for p in pictures(man)]
    crops = read(encode(tmp_path / "v.mp4", lying, rotation=(90 * quarters + 180) % 360 - 180))
    assert alike(crops.mouth[30], read(Clip(man)).mouth[30]) > 0.97


def test_of_two_faces_the_speaking_or_the_named_one(man: Path, shared_data: Path, tmp_path: Path) -> None:
    woman = [
        cv2.resize(p, (360, 288), interpolation=cv2.INTER_AREA)
        for p in pictures(first_clip(shared_data / "grid" / "s4"))
    ]
    men = pictures(man)
    both = encode(tmp_path / "both.mp4", [np.hstack([m, woman[0]]) for m in men])
    silent = encode(tmp_path / "other.mp4", [np.hstack([men[0], w]) for w in woman])
    assert read(both).track.boxes[:, 0].mean() < 360
    assert read(silent).track.boxes[:, 0].mean() > 360
    assert read(both, 1).track.boxes[:, 0].mean() > 360
    with pytest.raises(FaceError, match=r"both\.mp4: no face 2 in the picture; found face 0 at"):
        read(both, 2)


def test_a_face_lost_for_some_frames_is_bridged_and_reported(man: Path, tmp_path: Path) -> None:
    frames = pictures(man)
    crops = read(encode(tmp_path / "v.mp4", [p * (not 30 <= t < 45) for t, p in enumerate(frames)]))
    assert 12 <= (~crops.track.seen).sum() <= 20
    assert any("was not found in" in warning for warning in face_warnings(crops))
    whole = read(Clip(man)).track.landmarks
    assert np.abs(crops.track.landmarks[37].mean(axis=0) - whole[37].mean(axis=0)).max() < 5


def test_a_cut_is_followed(man: Path, tmp_path: Path) -> None:
    frames = [p if t < 38 else np.roll(p, 90, axis=1) for t, p in enumerate(pictures(man))]
    crops = read(encode(tmp_path / "v.mp4", frames))
    assert len(crops.mouth) == 75
    straight = read(Clip(man)).mouth
    assert alike(crops.mouth[20], straight[20]) > 0.95
    assert alike(crops.mouth[60], straight[60]) > 0.95


@pytest.mark.parametrize("width", [200, 100])
def test_a_small_face_in_a_large_picture_is_found(man: Path, tmp_path: Path, width: int) -> None:
    frames = []
    for picture in pictures(man)[:30]:
        canvas = np.full((720, 1280, 3), 90, np.uint8)
        canvas[200 : 200 + width * 4 // 5, 900 : 900 + width] = cv2.resize(
            picture, (width, width * 4 // 5), interpolation=cv2.INTER_AREA
        )
        frames.append(canvas)
    crops = read(encode(tmp_path / "v.mp4", frames))
    assert crops.track.seen.mean() > 0.9
    assert (crops.track.boxes[:, 0] > 900).all()
    assert any("far too small" in warning for warning in face_warnings(crops)) == (width == 100)


def test_a_covered_mouth_is_reported(man: Path, tmp_path: Path) -> None:
    mouths = read(Clip(man)).track.landmarks[:, [61, 291]].mean(axis=1)
    frames = pictures(man)
    for t in range(20, 50):
        middle = (round(float(mouths[t, 0])), round(float(mouths[t, 1])))
        skin = tuple(int(v) for v in frames[t][middle[1] - 45, middle[0]])
        cv2.ellipse(frames[t], middle, (38, 27), 20, 0, 360, skin, -1)
    assert any("covered" in warning for warning in face_warnings(read(encode(tmp_path / "v.mp4", frames))))


def test_a_turning_head_has_yaw(shared_data: Path) -> None:
    turning = shared_data / "wild" / "wSepGxx36To_0009.mp4"
    if not turning.exists():
        pytest.skip("this clip is not there")
    yaw = read(Clip(turning)).track.yaw
    assert yaw[0] > 30
    assert yaw[-1] < -10


def test_without_a_face_the_file_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clip = encode(tmp_path / "noise.mp4", [rng.integers(0, 255, (144, 192, 3), dtype=np.uint8) for _ in range(8)])
    with pytest.raises(FaceError, match=r"noise\.mp4: no face found") as caught:
        read(clip)
    assert "\n" not in str(caught.value)
    with pytest.raises(ClipError, match="outside"):
        read_face(Clip(clip.path, 5.0), probe(clip.path))


def test_a_range_reads_like_the_same_part_of_the_whole(man: Path) -> None:
    crops = read_face(Clip(man, 1.0, 2.0), probe(man))
    assert crops.mouth.shape == (25, 96, 96)
    assert crops.duration_s == 1
    assert alike(crops.mouth[12], read(Clip(man)).mouth[37]) > 0.98


def test_cancelling_stops_the_work(man: Path) -> None:
    def stop(_: Progress) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        read_face(Clip(man), probe(man), notify=stop)


def test_the_same_clip_gives_the_same_crops(man: Path) -> None:
    one, other = read(Clip(man)), read(Clip(man))
    assert np.array_equal(one.mouth, other.mouth)


def test_played_emotions_are_seen(shared_data: Path) -> None:
    wanted = {"03-01-03-02-02-02-24": Emotion.HAPPY, "M019_sad_3_011": Emotion.SAD, "M025_ang_3_003": Emotion.ANGRY}
    fer = expression_backend("fer")
    for name, emotion in wanted.items():
        path = shared_data / "wild" / f"{name}.mp4"
        if path.exists():
            crops = read_face(Clip(path), probe(path), expression=fer)
            assert crops.expression.mean(axis=0).argmax() == emotion


def test_nothing_is_written_to_standard_error(man: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read_face(Clip(man), probe(man), expression=expression_backend("fer"))
    assert capfd.readouterr().err == ""


def test_a_clip_of_three_seconds_takes_less_than_a_second(man: Path) -> None:
    fer = expression_backend("fer")
    read(Clip(man))
    times: list[float] = []
    for _ in range(3):
        start = time.process_time()
        read_face(Clip(man), probe(man), expression=fer)
        times.append(time.process_time() - start)
    assert min(times) < 1.0 * max(1, len(os.sched_getaffinity(0)))
