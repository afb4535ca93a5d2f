"""`imagintalk adapt`: a model is fitted to one talker from a few clips with sound."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagintalk.adapting.talker import Talker


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "adapt",
        help="fit the model to one talker",
        description="Fit the lips that the model reads and the voice that it speaks with to one talker, from a few"
        " clips of them with clean sound. `imagintalk dub --adapter FILE` uses what comes of it.",
    )
    parser.add_argument("clips", metavar="CLIP", nargs="+", type=Path, help="videos of the talker, with sound")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="e.g. anna.safetensors")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--model", help="name or folder of the model (default: the embedded one)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Adapt and write. Raises ImaginTalkError."""
    from imagintalk.console import progress_bar  # here and below: slow to import
    from imagintalk.media.files import check_place
    from imagintalk.types import Progress

    check_place(args.output)
    with progress_bar() as notify:
        notify(Progress("loading the program", 0.0))
        from imagintalk.adapting.adapt import adapt
        from imagintalk.pipeline import Pipeline

        pipeline = Pipeline.load(args.model, args.device)
        talker = adapt(pipeline.store, pipeline.parts, args.clips, notify)
        talker.save(args.output)
    print(told(talker, args.output))
    return 0


def told(talker: Talker, path: Path) -> str:
    """What was learnt, in a line or two."""
    facts = talker.facts
    lines = [f"{path}: {path.stat().st_size / 1e6:.2f} MB from {facts.clips} clips, {facts.seconds:.0f} s"]
    if facts.loss_before is None or facts.loss_after is None:
        lines.append("too few clips to keep one aside (from 5 on), so nothing tells whether the lips are read better")
    elif not talker.lips:
        lines.append("no change of the lips read the clips kept aside better, so only the voice is the talker's")
    else:
        lines.append(
            f"clips kept aside: {facts.loss_before:.3f} → {facts.loss_after:.3f} nats a token (less is better)"
        )
    return "\n".join(lines)
