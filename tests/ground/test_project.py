"""The files around the program agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from imagintalk.models import DEFAULT_MODEL, EMBEDDED_MODELS, ModelStore


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return dict(tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def test_one_version_everywhere(repository: Path, project: dict[str, Any]) -> None:
    manifest = tomllib.loads((repository / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert version("imagintalk") == project["version"] == manifest["version"]
    assert f"## [{project['version']}]" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")


def test_constraints_hold_a_fitting_version_of_every_dependency(repository: Path, project: dict[str, Any]) -> None:
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    for requirement in map(Requirement, wanted):
        if requirement.name != "imagintalk":
            assert Version(pinned[requirement.name]) in requirement.specifier, requirement


def test_readme_has_both_commands(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    commands = {
        number: re.search(rf"<!-- {number} command -->\n```bash\n(.+?)\n```", readme, re.DOTALL)
        for number in ("first", "second")
    }
    for number, last in (("first", "imagintalk demo"), ("second", "pytest")):
        found = commands[number]
        assert found is not None, number
        assert "-c constraints.txt" in found[1]
        assert found[1].endswith(last)


def test_developers_get_every_extra_that_the_tests_use(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    had: set[str] = set()
    reached = {"dev"}
    while reached - had:
        had |= reached
        wanted = [Requirement(line) for extra in had for line in extras[extra]]
        reached = {extra for requirement in wanted if requirement.name == "imagintalk" for extra in requirement.extras}
    assert had == set(extras)


def test_both_opencvs_are_one_version(repository: Path) -> None:
    """insightface and mediapipe ask for two distributions of OpenCV that write into one folder."""
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len({line.split("==")[1] for line in lines if line.startswith("opencv-")}) == 1


def test_files_of_others_travel_with_their_licence(repository: Path) -> None:
    package = repository / "imagintalk"
    build = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = build["tool"]["setuptools"]["package-data"]["imagintalk"]
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    foreign = [path for suffix in ("npz", "tflite", "onnx") for path in package.rglob(f"*.{suffix}")]
    assert foreign
    for path in foreign:
        assert {path, path.with_suffix(".LICENSE.txt")} <= packed


def test_the_top_level_holds_what_it_should(repository: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=repository, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if not listed:
        pytest.skip("not a git checkout")
    folders = {path.split("/")[0] for path in listed if "/" in path}
    assert folders <= {"addon", "server", "imagintalk", "tests", "benchmarks", "docs", ".ci"}


def test_the_model_card_tells_of_every_part_and_corpus_of_the_shipped_model(repository: Path) -> None:
    words = (repository / "MODEL_CARD.md").read_text(encoding="utf-8")
    store = ModelStore(EMBEDDED_MODELS / DEFAULT_MODEL)
    for part in store.parts:
        assert f"\n| {part} | " in words
    names = {"grid": "GRID", "ravdess": "RAVDESS", "speech": "speechocean762", "drawn": "drawn"}
    for corpus, licence in store.card["data_licences"].items():
        row = re.search(rf"\n\| {names[corpus]}.*", words)
        assert row is not None, corpus
        assert corpus in ("speech", "drawn") or row[0].endswith(f"| {licence} |"), row[0]
    assert "MODEL_CARD.md" in (store.folder / "README.md").read_text(encoding="utf-8")
