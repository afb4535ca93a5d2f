"""Writing takes, sidecars and report: all of them appear together when whole, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from imagintalk.errors import OutputError
from imagintalk.media.audio import write_wav
from imagintalk.media.files import check_place, whole_file
from imagintalk.media.mux import VIDEO_SUFFIXES, check_container, write_video
from imagintalk.provenance import Provenance, sidecar, sidecar_path
from imagintalk.types import Clip, DubResult


class Outputs:
    """The files that a dub will write. Checked when made, so that a wrong name costs no waiting."""

    def __init__(self, clip: Clip, out: Path, takes: int, report: Path | None, sidecar: bool = False) -> None:
        """out: a .wav or video file; several takes write name_1, name_2, ... beside it. sidecar: and a .json each.

        Raises OutputError, also where the video file cannot hold the clip's picture as it is.
        """
        self.clip, self.report = clip, report
        self.takes = (
            [out]
            if takes == 1
            else [out.with_name(f"{out.stem}_{number}{out.suffix}") for number in range(1, takes + 1)]
        )
        self.sidecars = [sidecar_path(path) for path in self.takes] if sidecar else []
        known = (".wav", *VIDEO_SUFFIXES)
        if out.suffix.lower() not in known:
            raise OutputError(f"{out}: unknown kind of file; expected a name ending in {', '.join(known)}")
        paths = [*self.takes, *self.sidecars, *([report] if report is not None else [])]
        if len({path.resolve() for path in paths}) < len(paths):
            raise OutputError(f"{report}: the report has the name of another output; choose another for the report")
        for path in paths:
            if path.exists() and path.samefile(clip.path):
                raise OutputError(f"{path}: is the clip itself; choose another name")
            check_place(path)
        if out.suffix.lower() in VIDEO_SUFFIXES:
            check_container(clip, out)

    def write(self, result: DubResult, made: Sequence[Provenance], report: dict[str, Any]) -> None:
        """Write everything under temporary names, then move all into place. Raises OutputError, ClipError."""
        with ExitStack() as stack:
            for path, take, own in zip(self.takes, result.takes, made, strict=True):
                partial = stack.enter_context(whole_file(path))
                with _named(partial, path):
                    if path.suffix.lower() == ".wav":
                        write_wav(partial, take.speech, own.tags())
                    else:
                        write_video(self.clip.path, self.clip, take.speech, partial, own.tags())
                self.write_sidecar(stack, path, partial, own.comment())
            if self.report is not None:
                stack.enter_context(whole_file(self.report)).write_text(_json(report), encoding="utf-8")

    def write_sidecar(self, stack: ExitStack, path: Path, partial: Path, comment: str) -> None:
        """Write the sidecar of a take, where sidecars are wanted. partial: the take, not yet in its place."""
        if self.sidecars:
            told = sidecar(comment, partial)
            stack.enter_context(whole_file(sidecar_path(path))).write_text(told, encoding="utf-8")


def _json(report: dict[str, Any]) -> str:
    """One line for each entry, so that long tracks do not fill the screen."""
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in report.items()) + "\n}\n"


@contextmanager
def _named(partial: Path, path: Path) -> Iterator[None]:
    """Let errors name the file that the user asked for, not the temporary one."""
    try:
        yield
    except OutputError as error:
        raise OutputError(str(error).replace(str(partial), str(path))) from error
