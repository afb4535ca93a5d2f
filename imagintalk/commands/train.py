"""`imagintalk train`: train one stage, or resume it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from imagintalk.commands.prepare import DEFAULT_CACHE

STAGES = ("codec", "tokens", "language", "lips", "style", "diffusion")
EARS = ("slots", "emotion")
"""What `imagintalk evaluate` listens with: no parts of a model."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "train",
        help="train one stage",
        description="Train one stage of a model, in this order: " + ", ".join(STAGES) + ". Or an ear of "
        "`imagintalk evaluate`: " + ", ".join(EARS) + ". A stopped run goes on where "
        "it stopped. On several GPUs: `accelerate launch -m imagintalk train STAGE …`.",
    )
    parser.add_argument("stage", choices=(*STAGES, *EARS))
    parser.add_argument("--config", default="small", help="tiny, small, paper or a YAML file (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=DEFAULT_CACHE, help="of `imagintalk prepare` (default: %(default)s)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints and curves (default: %(default)s)")
    parser.add_argument("--model", type=Path, help="the model's folder (default: models/<config>, of ears models/ears)")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--precision", choices=("bf16", "no"), default="bf16")
    parser.add_argument(
        "--start-from",
        type=Path,
        metavar="MODEL",
        help="folder of a model whose weights of this stage are trained on; of ears, whose codec they also hear",
    )
    parser.add_argument(
        "--published",
        metavar="FILE",
        help="weights to take, a file or a name of `imagintalk models list`: lips keeps a front end frozen, codec "
        "takes EnCodec's whole (needs a config with seanet at both ends)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train one stage. Raises DataError, WeightsError, ConfigError, OptionError."""
    from imagintalk.config import load_config
    from imagintalk.console import progress_bar
    from imagintalk.training.ears import train_ear
    from imagintalk.training.options import TrainOptions
    from imagintalk.training.stages import PartOptions, train

    asked = {
        name: getattr(args, name) for name in ("cache", "runs", "steps", "seed", "device", "precision", "start_from")
    }
    if args.stage in EARS:
        folder = args.model or Path("models") / "ears"
        with progress_bar() as notify:
            facts = train_ear(args.stage, TrainOptions(folder=folder, **asked), notify)
    else:
        config = load_config(args.config)
        folder = args.model or Path("models") / config.name
        options = PartOptions(folder=folder, config=config, published=args.published, **asked)
        with progress_bar() as notify:
            facts = train(args.stage, options, notify)
    print(f"{args.stage}: stored in {folder}; " + ", ".join(f"{k} {v}" for k, v in facts.items() if k != "recipe"))
    return 0
