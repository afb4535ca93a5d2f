"""`imagintalk demo` in Blender: entry point `timeline` of `imagintalk.commands`. Light at import."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Any


def add_parsers(subparsers: Any) -> None:
    """Have `imagintalk demo` show the extension, where Blender is installed as a module."""
    parser = subparsers.choices["demo"]
    alone = parser.get_default("run")
    parser.description += " In Blender, where the module bpy is installed: on a timeline, by the extension."
    parser.add_argument("--alone", action="store_true", help="without Blender, on a single clip")
    parser.set_defaults(run=lambda args: alone(args) if args.alone or find_spec("bpy") is None else run(args))


def run(args: argparse.Namespace) -> int:
    """Show it and tell. Raises ImaginTalkError."""
    from imagintalk.console import progress_bar

    from .show import show, told  # slow to import

    with progress_bar() as notify:
        shown = show(args.output, notify)
    print(told(shown))
    return 0
