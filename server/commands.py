"""`imagintalk worker`, `imagintalk batch` and `imagintalk dub --worker`: entry point `worker` of `imagintalk.commands`.

Light at import, like the library's own commands.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_STATE_HELP = "where the worker keeps its journal and results (default: the user's state folder)"


def add_parsers(subparsers: Any) -> None:
    """Add this package's commands to `imagintalk`."""
    _add_worker(subparsers)
    _add_batch(subparsers)
    _add_to_dub(subparsers.choices["dub"])


def _add_worker(subparsers: Any) -> None:
    words = "dub as jobs in a process that owns the GPU"
    parser = subparsers.add_parser("worker", help=words, description=words[0].upper() + words[1:] + ".")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    start = _action(actions, "start", "start the worker, in the foreground unless told otherwise", "daemon", "start")
    start.add_argument("--background", action="store_true", help="detach from the terminal")
    start.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="default: any port of 127.0.0.1")
    start.add_argument(
        "--certificates", type=Path, metavar="FOLDER", help="TLS; needed for any address that is not this machine's own"
    )
    start.add_argument(
        "--root", type=Path, action="append", default=[], metavar="FOLDER", help="clients elsewhere may name its clips"
    )
    start.add_argument("--model", help="name or folder of the model (default: the embedded one)")
    start.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: %(default)s")
    start.add_argument("--idle", type=float, default=10.0, metavar="MINUTES", help="then the model is unloaded (10)")
    start.add_argument("--cache", type=float, default=4.0, metavar="GB", help="most that results may take (4)")
    start.add_argument("--cluster", metavar="ADDRESS", help="auto or ray://HOST:PORT: work as actors of a Ray cluster")
    _action(actions, "stop", "stop the worker; its jobs wait in the journal", "report", "stop")
    status = _action(actions, "status", "tell what the worker does", "report", "status")
    form = status.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON")
    form.add_argument("--prometheus", action="store_true", help="as Prometheus text")
    jobs = _action(actions, "jobs", "list the newest jobs", "report", "jobs")
    jobs.add_argument("--json", action="store_true", help="as JSON")
    jobs.add_argument("-n", type=int, default=20, metavar="N", help="so many (20)")
    cancel = _action(actions, "cancel", "stop a job", "report", "cancel")
    cancel.add_argument("job", type=int, metavar="JOB")
    forget = _action(actions, "forget", "remove finished jobs, and that their clips were refused", "report", "forget")
    forget.add_argument("jobs", type=int, nargs="+", metavar="JOB")
    logs = _action(actions, "logs", "print the end of the log", "report", "logs")
    logs.add_argument("-n", type=int, default=20, metavar="N", help="so many lines (20)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    certificates = _action(actions, "certificates", "make a CA and certificates for both ends", "certificates", "run")
    certificates.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="a new folder (default: where both ends look)"
    )
    certificates.add_argument(
        "--host",
        action="append",
        required=True,
        metavar="NAME",
        help="name or address by which clients reach the worker",
    )


def _action(actions: Any, name: str, words: str, module: str, function: str) -> Any:
    parser = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    parser.add_argument("--state", type=Path, metavar="FOLDER", help=_STATE_HELP)
    parser.set_defaults(run=_later(module, function))
    return parser


def _later(module: str, function: str) -> Any:
    """Import what does the work when it is wanted."""

    def run(args: argparse.Namespace) -> int:
        from importlib import import_module

        code: int = getattr(import_module(f"{__package__}.{module}"), function)(args)
        return code

    return run


def _add_batch(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "batch",
        help="dub many clips",
        description="Dub many clips through the worker, which is started for the time where none runs. What is in OUT"
        " already is left alone, so a batch goes on where it stopped. Exit code 1: some failed.",
    )
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="videos, folders of them, patterns, or a list as .csv")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder for the speech, as WAV")
    parser.add_argument("--emotion", default="auto", help="as for `imagintalk dub`")
    parser.add_argument("--voice", default="auto", help="as for `imagintalk dub`")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="as for `imagintalk dub`")
    parser.add_argument("--steps", type=int, metavar="N", help="as for `imagintalk dub`")
    parser.add_argument("--sidecar", action="store_true", help="as for `imagintalk dub`")
    _add_where(parser, "--worker", "a worker on another machine (default: the one on this)")
    parser.set_defaults(run=_later("batch", "run"))


def _add_to_dub(parser: argparse.ArgumentParser) -> None:
    """`imagintalk dub --worker`: the same command, done by the worker."""
    alone = parser.get_default("run")
    by_worker = _later("dub", "run")
    _add_where(parser, "--worker", "let the running worker do it; with HOST:PORT one on another machine", False)
    parser.set_defaults(run=lambda args: alone(args) if args.worker is None else by_worker(args))


def _place(text: str) -> str:
    """Of `dub --worker clip.mp4` argparse would take the clip for the worker, and then miss a clip."""
    if ":" not in text:
        raise argparse.ArgumentTypeError(f"{text!r}: expected HOST:PORT; put --worker alone behind the clip")
    return text


def _add_where(parser: Any, flag: str, words: str, const: bool | None = None) -> None:
    parser.add_argument(
        flag, metavar="HOST:PORT", nargs="?" if const is not None else None, const=const, type=_place, help=words
    )
    parser.add_argument(
        "--certificates", type=Path, metavar="FOLDER", help="client's part of what `worker certificates` made"
    )
    parser.add_argument("--state", type=Path, metavar="FOLDER", help=_STATE_HELP)
