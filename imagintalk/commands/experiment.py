"""`imagintalk experiment`: ask a question of a model, and draw the answer."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagintalk.commands.prepare import DEFAULT_CACHE
from imagintalk.errors import OptionError

if TYPE_CHECKING:
    from imagintalk.experiments.experiment import Experiment
    from imagintalk.experiments.records import Records

NAMES = ("lips", "codec", "detector", "adaln", "style", "steps", "guidance", "data", "talker")
ALL = "all"
DEFAULT_OUTPUT = Path("docs/experiments")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "experiment",
        help="ask a question of a model",
        description="Run an experiment on validation clips, or go on with it where it stopped. Writes NAME.md, "
        "NAME.json and NAME.png into the output folder, and NAME.jsonl with what every clip gave.",
    )
    parser.add_argument("name", choices=(*NAMES, ALL), metavar="NAME", help=f"{', '.join(NAMES)}, or {ALL} of them")
    parser.add_argument("--data", type=Path, help="folder with grid/; needed, but for --redraw")
    parser.add_argument(
        "--cache", type=Path, default=DEFAULT_CACHE, help="of `imagintalk prepare` (default: %(default)s)"
    )
    parser.add_argument("--model", help="name or folder (default: the embedded one)")
    parser.add_argument("--clips", type=int, metavar="N", help="spread evenly (default: about ten minutes' worth)")
    parser.add_argument("--steps", type=int, metavar="N", help="of training, in the experiments that train")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--redraw", action="store_true", help="measure nothing, draw again what there is")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_OUTPUT, help="default: %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, write and print. Raises DataError, OptionError, WeightsError, OutputError."""
    if args.data is None and not args.redraw:
        raise OptionError("experiment: expected --data FOLDER with grid/, or --redraw")
    if args.clips is not None and args.clips < 1:
        raise OptionError(f"experiment: expected --clips of at least 1, got {args.clips}")
    from rich.console import Console

    from imagintalk.experiments.catalogue import EXPERIMENTS
    from imagintalk.experiments.records import Records
    from imagintalk.experiments.runner import write_report

    chosen = [EXPERIMENTS[name] for name in (NAMES if args.name == ALL else (args.name,))]
    args.output.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    for experiment in chosen:
        path = args.output / f"{experiment.name}.jsonl"
        if args.fresh and not args.redraw:
            path.unlink(missing_ok=True)
        records = Records(path)
        if not args.redraw:
            _measure(experiment, args, records)
        report = write_report(experiment, records, args.output)
        for table in report.tables:
            table.print_to(console)
        for note in report.notes:
            console.print(f"- {note}", markup=False)
        console.print(f"{records.command}\nwritten: {args.output / experiment.name}.md", markup=False, soft_wrap=True)
    return 0


def _measure(experiment: Experiment, args: argparse.Namespace, records: Records) -> None:
    from imagintalk.console import progress_bar
    from imagintalk.experiments.lab import Lab, Places
    from imagintalk.experiments.runner import run_units
    from imagintalk.pipeline import Pipeline

    with progress_bar() as notify:
        pipeline = Pipeline.load(args.model, args.device)
        lab = Lab(pipeline, Places(args.data, args.cache), args.seed, args.steps)
        files = pipeline.store.card["files"]
        model = {part: files[part]["sha256"] for part in experiment.parts if part in files}
        about = {"model": model, "seed": args.seed, "words heard by": lab.ears.words_heard_by}
        about |= {} if args.steps is None else {"steps": args.steps}
        records.begin(about, command_of(experiment.name, args))
        run_units(experiment, lab, args.clips or experiment.clips, records, notify)


def command_of(name: str, args: argparse.Namespace) -> str:
    """The command that measures this again: what differs from the defaults."""
    words = ["imagintalk", "experiment", name]
    defaults = {"cache": DEFAULT_CACHE, "seed": 0, "device": "auto", "output": DEFAULT_OUTPUT}
    for option in ("data", "cache", "model", "clips", "steps", "seed", "device", "output"):
        value = getattr(args, option)
        if value is not None and value != defaults.get(option):
            words += [f"--{option}", str(value)]
    return shlex.join(words)
