"""`imagintalk evaluate`: measure a model, row by row, against its targets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what only shows the help does not load the networks
    from imagintalk.evaluation.ears.emotion import EmotionEar
    from imagintalk.evaluation.recogniser import Recogniser

ROWS = ("codec", "tokens", "lips", "drawn", "emotion", "voice", "length", "speed")
RECOGNISERS = ("slots", "pocketsphinx", "Whisper")
THRESHOLDS = (-1.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model",
        description="Measure a model on recordings that it was not trained on; prints a table and writes evaluation.md "
        "and evaluation.json (every clip) into the output folder.",
    )
    parser.add_argument("--data", type=Path, help="folder with grid/ and ravdess/; needed, but for --reference")
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
    parser.add_argument(
        "--stages",
        action="store_true",
        help="also all meters of recording, codec, own tokens and lips, beside each other",
    )
    parser.add_argument(
        "--recognisers",
        nargs="+",
        choices=RECOGNISERS,
        metavar="NAME",
        help=f"of {' '.join(RECOGNISERS)}; the first of these judges (default: all, Whisper where it is installed)",
    )
    parser.add_argument(
        "--ears", type=Path, metavar="FOLDER", help="of `imagintalk train slots` and `emotion` (default: the embedded)"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("-o", "--output", type=Path, default=Path("evaluation"), help="default: %(default)s")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FOLDER",
        help="instead of a model: recordings, and with --generated files of speech that carry their names, made by "
        "whatever system; writes scores.md and scores.json",
    )
    parser.add_argument("--generated", type=Path, metavar="FOLDER", help="see --reference")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print. Raises DataError, OptionError, WeightsError, OutputError."""
    from imagintalk.errors import OptionError

    if (args.reference is None) != (args.generated is None):
        raise OptionError("evaluate: expected both --reference and --generated, got one of them")
    if args.reference is not None:
        return _score(args)
    if args.data is None:
        raise OptionError("evaluate: expected --data FOLDER, or --reference and --generated")
    from rich.console import Console

    from imagintalk.console import progress_bar
    from imagintalk.evaluation.evaluate import results_table, write_results
    from imagintalk.evaluation.measure import Material, measure
    from imagintalk.evaluation.meters import Meters
    from imagintalk.evaluation.pairs import scores_table, write_scores
    from imagintalk.evaluation.sensitivity import sensitivity_table, threshold_sensitivity
    from imagintalk.evaluation.stages import score_stages
    from imagintalk.evaluation.subjects import Subjects
    from imagintalk.evaluation.subset import evenly
    from imagintalk.media.files import whole_file
    from imagintalk.pipeline import Pipeline

    args.output.mkdir(parents=True, exist_ok=True)
    recognisers, emotion = _listeners(args)
    material = Material(args.data, args.drawn, recognisers, emotion, args.split, args.limit)
    console = Console()
    with progress_bar() as notify:
        pipeline = Pipeline.load(args.model, args.device)
        subjects = Subjects(pipeline)
        results = measure(subjects, material, tuple(args.rows), notify)
        write_results(results, args.split, args.output)
        table = results_table(results, args.split)
        found = None
        if args.thresholds:
            clips = evenly(material.grid, args.limit or 20)
            found = threshold_sensitivity(clips, THRESHOLDS, subjects.speak_at, recognisers, notify)
        stages = None
        if args.stages:
            stages = score_stages(subjects, evenly(material.grid, args.limit), Meters(recognisers, emotion), notify)
    table.print_to(console)
    for result in results:
        for note in result.notes:
            console.print(f"{result.what}: {note}")
    if stages is not None:
        table = scores_table(f"Where speech is lost, GRID, {args.split} split", stages)
        table.print_to(console)
        write_scores(table, stages, args.output)
    if found is not None:
        sensitivity = sensitivity_table(found, len(clips))
        sensitivity.print_to(console)
        with whole_file(args.output / "thresholds.md") as partial:
            partial.write_text(sensitivity.markdown, encoding="utf-8")
    return 0


def _listeners(args: argparse.Namespace) -> tuple[dict[str, Recogniser], EmotionEar]:
    """Who hears words, and who hears emotions."""
    from imagintalk.evaluation.ears.emotion import EmotionEar
    from imagintalk.evaluation.ears.store import EMBEDDED
    from imagintalk.evaluation.recognisers import open_recognisers

    ears = args.ears or EMBEDDED
    return open_recognisers(args.recognisers, ears), EmotionEar(ears)


def _score(args: argparse.Namespace) -> int:
    """Pairs of files instead of a model."""
    from rich.console import Console

    from imagintalk.console import progress_bar
    from imagintalk.evaluation.meters import Meters
    from imagintalk.evaluation.pairs import Groups, find_pairs, score_pairs, scores_table, write_scores
    from imagintalk.evaluation.subset import evenly

    pairs = evenly(find_pairs(args.reference, args.generated), args.limit)
    meters = Meters(*_listeners(args))
    with progress_bar() as notify:
        groups: Groups = {args.generated.name: score_pairs(pairs, meters, notify)}
    table = scores_table("Scores", groups)
    table.print_to(Console())
    args.output.mkdir(parents=True, exist_ok=True)
    write_scores(table, groups, args.output)
    return 0
