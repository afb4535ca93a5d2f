"""The register of weights that other people publish."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagintalk.errors import OptionError, WeightsError
from imagintalk.external import EXTERNAL, external_weights


def test_the_register_is_whole() -> None:
    assert set(EXTERNAL) == {
        "encodec-24khz", "hubert", "buffalo_l", "facenet", "poster2-onnx", "av-hubert",
    }  # fmt: skip
    for entry in EXTERNAL.values():
        assert entry.files and entry.role and entry.licence and entry.page.startswith("https://")
        for file in entry.files:
            assert file.url is None or (file.url.startswith("https://") and len(file.sha256 or "") == 64 and file.bytes)
    by_hand = [name for name, entry in EXTERNAL.items() if not entry.verified]
    assert by_hand == ["poster2-onnx", "av-hubert"]
    assert all(EXTERNAL[name].preparation and EXTERNAL[name].bytes is None for name in by_hand)


def test_encodec_is_the_file_that_the_package_names() -> None:
    source = Path(__import__("encodec").__file__).with_name("model.py").read_text(encoding="utf-8")
    file = EXTERNAL["encodec-24khz"].files[0]
    assert f"'{file.name}'" in source and f"-{(file.sha256 or '')[:8]}." in file.name


def test_weights_that_are_not_there_name_the_command_and_the_licence(home: Path) -> None:
    with pytest.raises(WeightsError, match="imagintalk models pull buffalo_l.*non-commercial"):
        external_weights("buffalo_l")
    with pytest.raises(OptionError, match="expected one of.*hubert"):
        external_weights("hubber")
