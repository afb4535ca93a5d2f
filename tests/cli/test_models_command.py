"""`imagintalk models` as a user runs it; the store's home is a folder of the test's own."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import platformdirs
import pytest

from imagintalk.cli import main
from imagintalk.external import EXTERNAL
from imagintalk.models import ModelStore


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing here may touch the network."""

    def refuse(*args: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name: str(tmp_path / "home" / name))
    return tmp_path / "home" / "imagintalk"


def lines_of(shown: str) -> dict[str, str]:
    return {line.split()[0]: line for line in shown.splitlines() if line.startswith("  ")}


def test_all_that_is_known_is_listed_here_or_not(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "poster2.onnx"
    made.write_bytes(b"network")
    assert main(["models", "import", str(tiny_model), "--as", "mine"]) == 0
    assert main(["models", "import", str(made)]) == 0
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    lines = lines_of(capsys.readouterr().out)
    assert "shipped with the program" in lines["small"] and "CC BY-NC-SA 4.0" in lines["small"]
    assert "by hand" in lines["mine"] and ModelStore(tiny_model).sha256[:12] in lines["mine"]
    for name, external in EXTERNAL.items():
        assert ("unverified" in lines[name]) is not external.verified
        assert ("not here" in lines[name]) is (name != "poster2-onnx")
        assert external.licence in lines[name]


def test_a_card_tells_parts_checksums_licences_and_source(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "small"]) == 0
    shown = capsys.readouterr().out
    card = ModelStore(Path(next(row for row in shown.splitlines() if row.startswith("folder")).split()[1])).card
    for part, facts in card["files"].items():
        row = next(row for row in shown.splitlines() if row.split()[0] == part)
        assert facts["sha256"] in row and f"{facts['training'].get('steps', '')}" in row
    assert "grid: CC BY 4.0" in shown and "shipped with the program" in shown
    assert main(["models", "show", "hubert"]) == 0
    shown = capsys.readouterr().out
    assert "Apache-2.0" in shown and "377.6 MB" in shown and EXTERNAL["hubert"].files[1].sha256 in shown  # type: ignore[operator]
    assert main(["models", "show", str(tiny_model)]) == 0
    assert main(["models", "show", "nobody"]) == 2


def test_a_model_of_the_store_dubs_by_its_name(tiny_model: Path, talking_clip: Path, tmp_path: Path) -> None:
    assert main(["models", "import", str(tiny_model), "--as", "mine"]) == 0
    out = tmp_path / "speech.wav"
    asked = ["dub", str(talking_clip), "-o", str(out), "--model", "mine", "--end", "0.4", "--emotion", "neutral"]
    assert main(asked) == 0
    assert out.exists()


def test_verify_finds_every_changed_file(
    tiny_model: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "verify", str(tiny_model)]) == 0
    assert capsys.readouterr().out.count("is whole") == 6
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert main(["models", "import", str(copy), "--as", "mine"]) == 0
    (tmp_path / "poster2.onnx").write_bytes(b"network")
    assert main(["models", "import", str(tmp_path / "poster2.onnx")]) == 0
    assert main(["models", "verify"]) == 0
    told = capsys.readouterr()
    assert "small: voices.json is whole" in told.out and "poster2-onnx: poster2.onnx is whole" in told.out
    part = next((home / "models" / "mine").glob("style-*"))
    part.write_bytes(part.read_bytes() + b"more")
    (home / "weights" / "poster2-onnx" / "poster2.onnx").write_bytes(b"other")
    assert main(["models", "verify"]) == 2
    told = capsys.readouterr()
    assert told.err.count("expected SHA-256") == 2 and str(part) in told.err
    assert "small: voices.json is whole" in told.out
    assert main(["models", "verify", "hubert"]) == 2
    assert "they are not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pull", "everything"], "encodec-24khz"),
        (["pull", "hubert", "--as", "mine"], "are for a model's address"),
        (["pull", "av-hubert"], "no direct download"),
        (["import", "nowhere"], "expected a folder with model.json"),
        (["verify", "nobody"], "no such model"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *arguments]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and says in told[0]


def test_a_damaged_model_is_listed_as_such(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "models" / "bad").mkdir(parents=True)
    (home / "models" / "bad" / "model.json").write_text("{}", encoding="utf-8")
    assert main(["models", "list"]) == 0
    assert "expected the description of a model" in lines_of(capsys.readouterr().out)["bad"]
