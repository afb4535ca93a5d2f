"""A missing library or package is asked for in words."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

from imagintalk.missing import EXTRAS, in_words


@pytest.mark.parametrize("library", ["libGL.so.1", "libgthread-2.0.so.0"])
def test_a_missing_system_library_names_debians_packages(library: str) -> None:
    error = ImportError(f"{library}: cannot open shared object file: No such file or directory")
    assert in_words(error).startswith(f"{library}: ")
    assert "apt-get install libgl1 libglib2.0-0" in in_words(error)


def test_an_unknown_system_library_is_named() -> None:
    said = in_words(ImportError("libodd.so.3: cannot open shared object file: No such file or directory"))
    assert said.startswith("libodd.so.3: ")
    assert "apt-get" not in said


def test_a_missing_package_names_the_extra_that_brings_it() -> None:
    said = in_words(ModuleNotFoundError("No module named 'faster_whisper'", name="faster_whisper.transcribe"))
    assert said.startswith("faster_whisper: ")
    assert "'imagintalk[demo]'" in said


def test_a_real_failure_is_one_line() -> None:
    with pytest.raises(ImportError) as raised:
        importlib.import_module("no_such_package_anywhere.module")
    assert in_words(raised.value).startswith("no_such_package_anywhere: ")
    assert "\n" not in in_words(raised.value)


def test_the_extras_are_those_of_pyproject(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
