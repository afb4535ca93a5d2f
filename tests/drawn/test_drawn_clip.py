from __future__ import annotations

from pathlib import Path

import av
import mediapipe
import numpy as np
import pytest
from numpy.typing import NDArray

from imagintalk.data.grid import read_align
from imagintalk.data.grid_grammar import sentence_of
from imagintalk.drawn.dataset import draw_dataset
from imagintalk.drawn.mesh import face_mesh
from imagintalk.drawn.render import FRAMES, DrawnClip, draw_clip, render_clip
from imagintalk.drawn.sentence import GridSentence, sample_sentences
from imagintalk.errors import OutputError
from imagintalk.media.audio import read_audio
from imagintalk.media.probe import probe
from imagintalk.types import Progress

SENTENCE = GridSentence("pbam5a")


@pytest.fixture(scope="module")
def clip() -> DrawnClip:
    return render_clip(SENTENCE, 3)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "clip.mp4"
    draw_clip(SENTENCE, 3, path)
    return path


@pytest.fixture(scope="module")
def openings(clip: DrawnClip) -> NDArray[np.float64]:
    """(75,) FaceMesh's opening of the lips in pixels; nan where it finds no face."""
    found = np.full(FRAMES, np.nan)
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as finder:
        for i, frame in enumerate(clip.frames):
            faces = finder.process(frame).multi_face_landmarks
            if faces:
                marks = faces[0].landmark
                found[i] = (marks[14].y - marks[13].y) * frame.shape[0]
    return found


def test_shape_and_length(clip: DrawnClip) -> None:
    assert clip.frames.shape == (75, 288, 360, 3) and clip.frames.dtype == np.uint8
    assert clip.samples.shape == (72_000,) and np.abs(clip.samples).max() <= 1
    assert 0.15 < clip.words[0].start_s < clip.words[-1].end_s < 2.85


def test_sentence_and_seed_fix_the_clip_and_another_seed_changes_it(clip: DrawnClip) -> None:
    again, other = render_clip(SENTENCE, 3), render_clip(SENTENCE, 4)
    assert np.array_equal(clip.frames, again.frames) and np.array_equal(clip.samples, again.samples)
    assert not np.array_equal(clip.frames, other.frames) and not np.array_equal(clip.samples, other.samples)


def test_the_face_is_found_in_every_frame_and_its_lips_do_what_they_were_told(
    clip: DrawnClip, openings: NDArray[np.float64]
) -> None:
    assert not np.isnan(openings).any()
    told = [points[13, 1] - points[14, 1] for points in (face_mesh().shape(m, 0.0) for m in clip.mouth)]
    assert np.corrcoef(told, openings)[0, 1] > 0.9


def test_lips_are_seen_shut_at_m_and_open_at_the_vowel_of_five(clip: DrawnClip, openings: NDArray[np.float64]) -> None:
    def at(name: str) -> float:
        times = [(p.start_s + p.end_s) / 2 for p in clip.phones if p.name == name]
        nearest = [round(t * 25 - 0.5) for t in times]
        pick = min if name in "mpb" else max
        return float(pick(openings[i - 1 : i + 2].min() if pick is min else openings[i] for i in nearest))

    assert at("m") < 1.5 and at("a") > at("m") + 5


def test_the_file_holds_75_frames_and_the_sound_in_place(clip: DrawnClip, file: Path) -> None:
    info = probe(file)
    assert (info.width, info.height, info.has_audio) == (360, 288, True)
    assert info.frame_rate == 25 and info.duration_s == 3
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 75
    assert np.abs(frames[40].astype(int) - clip.frames[40].astype(int)).mean() < 4
    heard = read_audio(file, 24_000, 0.0, 3.0)
    assert heard.shape == (72_000,)
    lags = range(-40, 41)
    score = [float(np.dot(heard[200:-200], clip.samples[200 + lag : 71_800 + lag])) for lag in lags]
    assert lags[int(np.argmax(score))] == 0


def test_without_sound_there_is_no_sound_stream(tmp_path: Path) -> None:
    draw_clip(SENTENCE, 3, tmp_path / "silent.mp4", sound=False)
    assert not probe(tmp_path / "silent.mp4").has_audio


def test_nothing_is_left_where_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing"):
        draw_clip(SENTENCE, 3, tmp_path / "missing" / "clip.mp4")
    assert not list(tmp_path.iterdir())


def test_a_data_set_reads_as_a_grid_talker_and_resumes(tmp_path: Path) -> None:
    reports: list[Progress] = []
    first = draw_dataset(tmp_path, 2, "test", 8, reports.append)
    assert [p.stem for p in first] == [s.code for s in sample_sentences(2, "test", 8)]
    assert [r.fraction for r in reports] == [0.0, 0.5, 1.0]
    for path in first:
        words = read_align(tmp_path / "align" / "drawn" / f"{path.stem}.align")
        assert " ".join(word for _, _, word in words) == sentence_of(path.stem)
        assert path.parent == tmp_path / "drawn"
    stamp = first[0].stat().st_mtime_ns
    first[1].unlink()
    assert draw_dataset(tmp_path, 2, "test", 8) == first
    assert first[0].stat().st_mtime_ns == stamp and first[1].exists()
    assert not [p for p in (tmp_path / "drawn").iterdir() if p.name.startswith(".")]
