"""`imagintalk demo`: the program shown on a clip that it draws itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagintalk.demo import Demonstration


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="draw a talking head, dub it, and listen",
        description="Draw a talking head that says a sentence, drop its sound, dub it, and tell what recognisers hear.",
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, default=Path("demo"), help="where files go (default: demo)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Demonstrate and tell. Raises ImaginTalkError."""
    from imagintalk.console import progress_bar, warn  # here and below: slow to import
    from imagintalk.types import Progress

    with progress_bar() as notify:
        notify(Progress("loading the program", 0.0))
        from imagintalk.demo import demonstrate
        from imagintalk.pipeline import Pipeline

        shown = demonstrate(Pipeline.load(), args.output, notify)
    for warning in shown.warnings:
        warn(warning)
    print(told(shown))
    return 0


def told(shown: Demonstration) -> str:
    """The sentence, what each recogniser heard in both sounds and how much of it is wrong, and the files."""
    lines = [f"{'the drawn talker says:':38}{shown.sentence.text}"]
    for hearing in shown.hearings:
        for sound, heard in (("the synthesiser's sound", hearing.true), ("the dub", hearing.dub)):
            errors = shown.errors(heard)
            lines.append(f"{f'{hearing.recogniser} in {sound}:':38}{heard or '(nothing)'}")
            lines[-1] += f"   [{errors.errors} of {errors.words} words wrong]"
    return "\n".join([*lines, "written:", *(f"  {path}" for path in shown.files)])
