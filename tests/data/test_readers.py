"""Readers on a few files laid out as the corpora's authors lay them out. Readers decode nothing, so files are empty."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from imagintalk.data.grid import read_align, read_grid
from imagintalk.data.lrs3 import read_lrs3
from imagintalk.data.mead import read_mead
from imagintalk.data.ravdess import UNSEEN_TALKERS, read_ravdess
from imagintalk.data.recording import plain
from imagintalk.data.speech import read_speech
from imagintalk.data.splits import split_of, splits_of
from imagintalk.errors import DataError
from imagintalk.types import Emotion

READERS = [read_grid, read_ravdess, read_mead, read_lrs3, read_speech]
ALIGN = "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 34200 sp\n34200 35500 at\n35500 41000 F\n"


def lay(root: Path, *names: str, text: str = "") -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_split_rule_is_every_tenth_of_the_sorted_stems() -> None:
    assert [split_of(i) for i in (0, 1, 4, 5, 6, 9, 10, 15)] == [
        "test", "train", "train", "validation", "train", "train", "test", "validation",
    ]  # fmt: skip
    splits = splits_of(["b", "f", "a", "c", "e", "d"], Path("root"))
    assert splits["a"] == "test" and splits["f"] == "validation" and set(splits.values()) >= {"train"}


def test_two_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    lay(tmp_path, "a.wav", "a.flac")
    with pytest.raises(DataError, match="one recording per name, found a more than once"):
        read_speech(tmp_path)


@pytest.mark.parametrize("read", READERS)
def test_missing_folder_and_empty_folder_say_what_was_expected(read, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: expected"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match="expected .*found none"):
        read(tmp_path)


def test_grid_words_text_and_splits_per_talker(tmp_path: Path) -> None:
    lay(tmp_path, "s1/bbaf2n.mp4", "s1/lwwqza.mpg", "s4/bbaf2n.mp4", "s1/notes.txt")
    lay(tmp_path, "align/s1/bbaf2n.align", "align/s1/lwwqza.align", text=ALIGN)
    recordings = read_grid(tmp_path)
    assert [(r.talker, r.stem) for r in recordings] == [("s1", "bbaf2n"), ("s1", "lwwqza"), ("s4", "bbaf2n")]
    assert recordings[0].words == ((0.95, 1.18, "bin"), (1.18, 1.36, "blue"), (1.368, 1.42, "at"), (1.42, 1.64, "f"))
    assert recordings[0].text == "bin blue at f two now" and recordings[1].text == "lay white with q zero again"
    assert recordings[2].words == () and recordings[2].split == "test"
    assert all(r.has_picture and r.sound == r.path for r in recordings)


def test_grid_names_and_aligns_not_as_published_are_named(tmp_path: Path) -> None:
    lay(tmp_path, "s1/bbaw2n.mp4")
    with pytest.raises(DataError, match="bbaw2n.*'w'"):
        read_grid(tmp_path)
    path = lay(tmp_path, "x.align", text="0 100 sil\n100 90 bin\n") / "x.align"
    with pytest.raises(DataError, match=r"x\.align:2"):
        read_align(path)
    path.write_text("0 ten sil\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"x\.align:1"):
        read_align(path)


def test_grid_talker_with_aligns_must_have_them_all(tmp_path: Path) -> None:
    lay(tmp_path, "s1/bbaf2n.mp4", "s1/bbaf3s.mp4")
    lay(tmp_path, "align/s1/bbaf2n.align", text=ALIGN)
    with pytest.raises(DataError, match=r"bbaf3s\.align"):
        read_grid(tmp_path)


@pytest.mark.parametrize("place", ["Actor_{actor}/{name}.wav", "{name}.opus"])
def test_ravdess_labels_from_the_name_in_both_layouts(place: str, tmp_path: Path) -> None:
    for name in ("03-01-05-02-02-01-07", "03-01-06-01-01-01-08", "03-01-01-01-01-02-07", "03-02-05-02-02-01-07"):
        lay(tmp_path, place.format(actor=name[-2:], name=name))
    neutral, angry, fearful = read_ravdess(tmp_path)
    assert (angry.emotion, angry.intensity, angry.talker) == (Emotion.ANGRY, 1.0, "Actor_07")
    assert angry.text == "dogs are sitting by the door" and fearful.text == "kids are talking by the door"
    assert (fearful.emotion, fearful.intensity) == (Emotion.FEARFUL, 0.5)
    assert (neutral.emotion, neutral.intensity, neutral.has_picture) == (Emotion.NEUTRAL, 1.0, False)


def test_ravdess_files_of_one_take_are_one_recording(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lay(tmp_path, *(f"Actor_01/{m}-01-03-01-01-01-01.{s}" for m, s in (("01", "mp4"), ("02", "mp4"), ("03", "wav"))))
    lay(tmp_path, "Actor_01/02-01-03-01-01-02-01.mp4", "Actor_01/03-01-03-01-01-02-01.wav")
    lay(tmp_path, "Actor_01/02-01-03-01-02-01-01.mp4")
    with caplog.at_level(logging.WARNING):
        both, paired = read_ravdess(tmp_path)
    assert both.stem == "01-01-03-01-01-01-01" and both.has_picture and both.sound == both.path
    assert paired.path.name.startswith("02-") and paired.sound.name.startswith("03-") and paired.has_picture
    assert "left out 1 videos without sound" in caplog.text


def test_ravdess_refuses_what_the_name_cannot_mean(tmp_path: Path) -> None:
    lay(tmp_path / "a", "03-01-09-01-01-01-01.wav")
    lay(tmp_path / "b", "03-01-03-01-01-01-01.mp4")
    with pytest.raises(DataError, match="RAVDESS name"):
        read_ravdess(tmp_path / "a")
    with pytest.raises(DataError, match="sound file"):
        read_ravdess(tmp_path / "b")


def test_ravdess_actors_23_and_24_are_never_trained_on(tmp_path: Path) -> None:
    for actor in range(1, 25):
        lay(tmp_path, *(f"03-01-{e:02}-01-0{s}-01-{actor:02}.wav" for e in range(2, 9) for s in (1, 2)))
    splits = {(r.talker in UNSEEN_TALKERS, r.split) for r in read_ravdess(tmp_path)}
    assert splits == {
        (False, "train"), (False, "validation"), (False, "test"), (True, "unseen"), (True, "test"),
    }  # fmt: skip


def test_mead_pairs_picture_and_sound_and_leaves_contempt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for emotion in ("angry", "contempt"):
        lay(tmp_path, f"M003/audio/{emotion}/level_2/001.m4a", f"M003/video/front/{emotion}/level_2/001.mp4")
    lay(tmp_path, "M003/video/left_30/angry/level_2/001.mp4", "W009/audio/neutral/level_1/004.m4a")
    with caplog.at_level(logging.WARNING):
        angry, neutral = read_mead(tmp_path)
    assert (angry.stem, angry.talker, angry.emotion) == ("M003_ang_2_001", "M003", Emotion.ANGRY)
    assert angry.intensity == pytest.approx(2 / 3) and angry.sound.suffix == ".m4a" and angry.path.suffix == ".mp4"
    assert (neutral.talker, neutral.has_picture, neutral.intensity) == ("W009", False, 1.0)
    assert "left out 1 takes of contempt" in caplog.text


def test_mead_unknown_emotion_or_level_is_named(tmp_path: Path) -> None:
    lay(tmp_path / "a", "M003/audio/bored/level_1/001.m4a")
    lay(tmp_path / "b", "M003/audio/angry/level_4/001.m4a")
    with pytest.raises(DataError, match="'bored'"):
        read_mead(tmp_path / "a")
    with pytest.raises(DataError, match="'level_4'"):
        read_mead(tmp_path / "b")


LRS3_TEXT = "Text:  DON'T WE ALL\nConf:  4\nRef:   abc\n\nFRAME \tX \tY \tW \tH\n000001 0.3 0.2 0.1 0.2\n"
LRS3_TABLE = "\nWORD START END ASDSCORE\nDON'T 0.11 0.40 3.1\nWE 0.40 0.52 2.0\nALL 0.52 0.90 1.0\n"


def test_lrs3_text_and_word_table(tmp_path: Path) -> None:
    lay(tmp_path, "pretrain/abc/00001.mp4", "trainval/abc/50001.mp4", "test/xyz/00002.mp4")
    lay(tmp_path, "trainval/abc/50001.txt", "test/xyz/00002.txt", text=LRS3_TEXT)
    lay(tmp_path, "pretrain/abc/00001.txt", text=LRS3_TEXT + LRS3_TABLE)
    pretrain, trainval, test = read_lrs3(tmp_path)
    assert pretrain.words == ((0.11, 0.4, "don't"), (0.4, 0.52, "we"), (0.52, 0.9, "all"))
    assert trainval.words == () and trainval.text == pretrain.text == "don't we all"
    assert (test.stem, test.talker, test.split) == ("xyz_00002", "xyz", "test")


def test_lrs3_validation_holds_out_whole_talks(tmp_path: Path) -> None:
    names = [f"{part}/talk{n:02}/0000{n % 3}" for part in ("pretrain", "trainval") for n in range(20)]
    lay(tmp_path, *(f"{name}.mp4" for name in names))
    lay(tmp_path, *(f"{name}.txt" for name in names), text=LRS3_TEXT)
    # pretrain and trainval number their cuts apart on disk; here only the split matters
    by_split: dict[str, set[str]] = {}
    for recording in read_lrs3(tmp_path):
        by_split.setdefault(recording.split, set()).add(recording.talker)
    assert by_split["validation"] == {"talk05", "talk15"}
    assert not by_split["train"] & by_split["validation"] and "test" not in by_split


def test_lrs3_bad_transcripts_are_named(tmp_path: Path) -> None:
    lay(tmp_path, "test/xyz/00002.mp4")
    with pytest.raises(DataError, match=r"00002\.txt"):
        read_lrs3(tmp_path)
    lay(tmp_path, "test/xyz/00002.txt", text="Conf: 4\n")
    with pytest.raises(DataError, match="`Text:`"):
        read_lrs3(tmp_path)
    lay(tmp_path, "test/xyz/00002.txt", text=LRS3_TEXT + "\nWORD START END\nWE early 0.5\n")
    with pytest.raises(DataError, match=r"00002\.txt:9"):
        read_lrs3(tmp_path)


def test_speech_talkers_from_lists_then_folders(tmp_path: Path) -> None:
    lay(tmp_path, "001.wav", "p225/002.flac", "p226/002.FLAC", "p226/notes.md")
    lay(tmp_path, "train_utt2spk", text="001 0007\n")
    lay(tmp_path, "train_text", text="001\tMARK, IT'S HERE!\n")
    by_stem = {r.stem: r for r in read_speech(tmp_path)}
    assert {stem: r.talker for stem, r in by_stem.items()} == {"001": "0007", "p225_002": "p225", "p226_002": "p226"}
    assert by_stem["001"].text == "mark it's here" and by_stem["p225_002"].text == ""
    lay(tmp_path, "train_utt2spk", text="001\n")
    with pytest.raises(DataError, match="train_utt2spk:1"):
        read_speech(tmp_path)


def test_plain_keeps_words_and_apostrophes() -> None:
    assert plain("  Don’t STOP -- (Élan), 'tis  5! ") == "don't stop élan tis 5"


def test_real_grid(shared_data: Path) -> None:
    recordings = read_grid(shared_data / "grid")
    s1 = [r for r in recordings if r.talker == "s1"]
    assert (
        len(s1) == 920 and [r.split for r in s1].count("test") == 92 and [r.split for r in s1].count("validation") == 92
    )
    assert all(" ".join(word for *_, word in r.words) == r.text for r in s1)
    assert all(r.words[-1][1] <= 3.0 for r in s1)


def test_real_ravdess_and_speechocean(shared_data: Path) -> None:
    ravdess = read_ravdess(shared_data / "ravdess")
    assert len(ravdess) == 1440 and [r.split for r in ravdess].count("test") == 144
    assert {r.talker for r in ravdess if r.split == "unseen"} == UNSEEN_TALKERS
    speech = read_speech(shared_data / "speechocean")
    assert len(speech) == 2500 and len({r.talker for r in speech}) == 250
