"""The command line around its commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from imagintalk.cli import COMMANDS, main
from imagintalk.data.corpora import READERS

HEAVY = ("torch", "mediapipe", "transformers", "numpy", "scipy", "av")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from imagintalk.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print('HEAVY', *(name for name in {HEAVY} if name in sys.modules))"
    )
    shown = python("-c", code).stdout
    assert shown.splitlines()[-1].split() == ["HEAVY"]
    for command in COMMANDS:
        assert f"    {command}" in (line.rstrip() for line in shown.splitlines()) or f"    {command} " in shown


@pytest.mark.parametrize("arguments", [[], ["sing"], ["dub"], ["models"]])
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [["evaluate", "--data", "none", "-o"], ["prepare", "grid", "none", "--cache"], ["demo", "-o"]]
)
def test_a_file_where_a_folder_is_to_be_written(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagintalk.pipeline.Pipeline.load", lambda *_: pytest.fail("the model was loaded"))
    monkeypatch.setitem(READERS, "grid", lambda root: [])
    taken = tmp_path / "taken"
    taken.touch()
    if arguments[0] == "demo":
        monkeypatch.setattr("imagintalk.pipeline.Pipeline.load", lambda *_: None)
    assert main([*arguments, str(taken)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert str(taken) in lines[0]


def test_a_closed_pipe_is_no_traceback() -> None:
    shown = subprocess.run(
        f"{sys.executable} -m imagintalk models list | true", shell=True, capture_output=True, text=True, check=False
    )
    assert shown.stderr == ""


def test_importing_the_package_is_light() -> None:
    code = "import imagintalk, sys; print('torch' in sys.modules, imagintalk.ImaginTalkError.__name__)"
    assert python("-c", code).stdout.split() == ["False", "ImaginTalkError"]
