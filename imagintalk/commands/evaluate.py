"""`imagintalk evaluate`: measure a model, row by row, against its targets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

ROWS = ("codec", "tokens", "lips", "drawn", "emotion", "voice", "length", "speed")
THRESHOLDS = (-1.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model",
        description="Measure a model on recordings that it was not trained on; prints a table and writes evaluation.md "
        "and evaluation.json (every clip) into the output folder.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with grid/ and ravdess/")
    parser.add_argument(
        "--drawn", type=Path, default=Path("cache/drawn-clips"), help="folder of drawn clips (default: %(default)s)"
    )
    parser.add_argument("--model", help="name or folder (default: the embedded one)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help=f"of {' '.join(ROWS)}")
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="choose settings on validation, report test"
    )
    parser.add_argument("--limit", type=int, help="clips a row, spread evenly (default: all; 10 emotion, 24 voice)")
    parser.add_argument("--thresholds", action="store_true", help="also the sensitivity to the detector's threshold")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("-o", "--output", type=Path, default=Path("evaluation"), help="default: %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print. Raises DataError, WeightsError, OutputError."""
    from rich.console import Console

    from imagintalk.console import progress_bar
    from imagintalk.evaluation.evaluate import results_table, write_results
    from imagintalk.evaluation.measure import Material, measure
    from imagintalk.evaluation.recogniser import GrammarRecogniser
    from imagintalk.evaluation.sensitivity import sensitivity_table, threshold_sensitivity
    from imagintalk.evaluation.subjects import Subjects
    from imagintalk.evaluation.subset import evenly
    from imagintalk.media.files import whole_file
    from imagintalk.pipeline import Pipeline

    args.output.mkdir(parents=True, exist_ok=True)
    material = Material(args.data, args.drawn, args.output, args.split, args.limit)
    console = Console()
    with progress_bar() as notify:
        pipeline = Pipeline.load(args.model, args.device)
        results = measure(pipeline, material, tuple(args.rows), notify)
        write_results(results, args.split, args.output)
        table = results_table(results, args.split)
        found = None
        if args.thresholds:
            clips = evenly(material.grid, args.limit or 20)
            speak = Subjects(pipeline).speak_at
            found = threshold_sensitivity(clips, THRESHOLDS, speak, GrammarRecogniser(), notify)
    table.print_to(console)
    for result in results:
        for note in result.notes:
            console.print(f"{result.what}: {note}")
    if found is not None:
        sensitivity = sensitivity_table(found, len(clips))
        sensitivity.print_to(console)
        with whole_file(args.output / "thresholds.md") as partial:
            partial.write_text(sensitivity.markdown, encoding="utf-8")
    return 0
