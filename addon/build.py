"""Builds the extension: `python addon/build.py` writes dist/imagintalk-VERSION.zip.

Blender's own packager wants everything in one folder, so addon/, the manifest, the parts of server/ that speak to the
worker, and the wheels that Blender's Python lacks are staged into build/stage first. Needs pip and bpy.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CARRIED = ("protocol.py", "wire.py", "address.py", "client.py")
"""Of server/: what a client of the worker needs, and no more."""
WHEELS = ("rpyc", "plumbum")
_NOT_SHIPPED = ("build.py", "demo", "__pycache__")


class BuildError(Exception):
    """The extension cannot be built; one line."""


def build(output: Path, work: Path) -> Path:
    """Stage in `work`, write the zip into `output`, validate it; its path. Raises BuildError, OSError."""
    stage = work / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(REPOSITORY / "addon", stage, ignore=shutil.ignore_patterns(*_NOT_SHIPPED))
    (stage / "carried").mkdir()
    (stage / "carried" / "__init__.py").write_text('"""The client\'s part of the worker."""\n', encoding="utf-8")
    for name in CARRIED:
        shutil.copy2(REPOSITORY / "server" / name, stage / "carried" / name)
    shutil.copy2(REPOSITORY / "LICENSE", stage)
    wheels = _wheels(REPOSITORY / "build" / "wheels")
    (stage / "wheels").mkdir()
    for wheel in wheels:
        shutil.copy2(wheel, stage / "wheels")
    manifest = (REPOSITORY / "blender_manifest.toml").read_text(encoding="utf-8")
    named = ",\n".join(f'  "./wheels/{wheel.name}"' for wheel in wheels)
    head, permissions = manifest.split("[permissions]")
    manifest = f"{head}wheels = [\n{named},\n]\n\n[permissions]{permissions}"
    (stage / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
    version = tomllib.loads(manifest)["version"]
    output.mkdir(parents=True, exist_ok=True)
    target = output / f"imagintalk-{version}.zip"
    _packager("build", "--source-dir", str(stage), "--output-filepath", str(target))
    _packager("validate", str(target))
    return target


def _wheels(folder: Path) -> list[Path]:
    """The wheels, of the versions in constraints.txt; fetched where they are not there yet."""
    pins = dict(line.split("==") for line in _lines(REPOSITORY / "constraints.txt"))
    found: list[Path] = []
    for name in WHEELS:
        pattern = f"{name}-{pins[name]}-*.whl"  # pip renames a whole file into place, so one that is there is whole
        if not any(folder.glob(pattern)):
            asked = f"{name}=={pins[name]}"
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
            _run([*command, "--dest", str(folder), asked], f"{asked} cannot be fetched")
        found += folder.glob(pattern)
    return sorted(found)


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if re.match(r"[\w.-]+==", line)]


def _packager(*words: str) -> None:
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise BuildError("expected bpy, which has Blender's packager; pip install -c constraints.txt -e '.[blender]'")
    script = next(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"), None)
    if script is None:
        raise BuildError(f"{spec.origin}: expected Blender's packager, blender_ext.py, beside it")
    _run([sys.executable, str(script), *words], f"Blender's packager refuses to {words[0]}")


def _run(command: list[str], failed: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{failed}: {' '.join((done.stdout + done.stderr).split())}")


def main() -> int:
    try:
        print(build(REPOSITORY / "dist", REPOSITORY / "build"))
    except (BuildError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
