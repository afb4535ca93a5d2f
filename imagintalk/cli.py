"""The command line: `imagintalk dub|adapt|demo|prepare|train|evaluate|experiment|models`, and what other packages add.

Exit codes: 0 done, 2 a user's mistake or a missing thing, told in one line, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import NoReturn

from imagintalk.errors import Cancelled, ImaginTalkError
from imagintalk.missing import in_words
from imagintalk.provenance import program_version

COMMANDS = ("dub", "adapt", "demo", "prepare", "train", "evaluate", "experiment", "models")

PLUGINS = "imagintalk.commands"
"""Group of entry points; each is a function that adds parsers. So the library need not know who builds on it."""

EXIT_ERROR = 2
EXIT_STOPPED = 130
EXIT_CLOSED_PIPE = 141


class _Parser(argparse.ArgumentParser):
    """argparse, whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_ERROR, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run` to what does its work."""
    parser = _Parser(prog="imagintalk", description="Silent talking-face video becomes speech.")
    parser.add_argument("--version", action="version", version=f"imagintalk {program_version()}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(f"imagintalk.commands.{name}").add_parser(subparsers)
    for plugin in entry_points(group=PLUGINS):
        plugin.load()(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code; prints errors of the user's making as one line on standard error."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, about themselves: nothing that a user can act upon
    try:
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, Cancelled):
        return _complain("stopped", EXIT_STOPPED)
    except ImaginTalkError as error:
        return _complain(" ".join(str(error).split()), EXIT_ERROR)
    except ImportError as error:
        return _complain(in_words(error), EXIT_ERROR)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CLOSED_PIPE
    except OSError as error:
        # What no command has put into its own words: a folder that is a file, a disk that fills up while training.
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror or error}; check the path, its permissions and the disk", EXIT_ERROR)


def _complain(message: str, code: int) -> int:
    print(f"imagintalk: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
