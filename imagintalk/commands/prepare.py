"""`imagintalk prepare`: decode recordings once into the cache that training reads."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

CORPORA = ("grid", "drawn", "ravdess", "mead", "lrs3", "speech", "restyled")
DEFAULT_CACHE = Path("cache")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "prepare",
        help="decode recordings for training",
        description="Decode recordings once into a cache: sound and pitch, speaker embedding, mouth crops and face. "
        "Parts that are there already are kept, so it can be stopped and called again.",
    )
    parser.add_argument("corpus", choices=CORPORA, help="how the recordings are laid out on disk")
    parser.add_argument(
        "root",
        type=Path,
        nargs="?",
        help="the corpus' folder as its authors publish it; `drawn` needs none: it is drawn into the cache, nor does "
        "`restyled`: GRID's and the drawn recordings in other voices and emotions, once they and RAVDESS are prepared",
    )
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where to (default: %(default)s)")
    parser.add_argument(
        "--config", default="small", help="whose face backends are used: tiny, small, paper or a YAML file"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    parser.add_argument(
        "--clips", type=int, default=200, help="how many clips `drawn` draws: 80 %% train (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prepare one corpus. Raises DataError, OptionError, ConfigError, WeightsError."""
    from imagintalk.config import load_config
    from imagintalk.console import progress_bar, warn
    from imagintalk.data import corpora
    from imagintalk.data.cache import RESTYLED
    from imagintalk.data.prepare import prepare
    from imagintalk.data.restyled import restyle_cache
    from imagintalk.errors import OptionError

    if args.corpus == RESTYLED:
        with progress_bar() as notify:
            count = restyle_cache(args.cache, notify, args.workers)
        print(f"{RESTYLED}: {count} recordings in {args.cache / RESTYLED}")
        return 0
    if args.root is None and args.corpus != "drawn":
        raise OptionError(f"prepare {args.corpus}: expected the folder of the corpus, got none")
    style = load_config(args.config).style
    with progress_bar() as notify:
        if args.corpus == "drawn":
            recordings = corpora.draw(args.root or args.cache / "drawn-clips", args.clips, notify)
        else:
            recordings = corpora.READERS[args.corpus](args.root)
        failures = prepare(args.corpus, recordings, args.cache, notify, style, workers=args.workers)
    for line in failures:
        warn(f"left out: {line}")
    print(f"{args.corpus}: {len(recordings) - len(failures)} recordings in {args.cache / args.corpus}")
    return 0
