"""`imagintalk dub`: a clip becomes speech."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagintalk.errors import OptionError

if TYPE_CHECKING:
    from imagintalk.config import Guidance


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "dub", help="make speech for a silent clip", description="Make speech for a silent video of a talking face."
    )
    parser.add_argument("clip", metavar="CLIP", type=Path, help="a video of any kind that FFmpeg reads")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help="a .wav file (24 kHz, 16 bit), or a video: the picture untouched, the speech as its sound",
    )
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="seconds from the start of the file")
    parser.add_argument("--end", type=float, metavar="S", help="seconds from the start of the file")
    parser.add_argument(
        "--emotion",
        default="auto",
        help="auto (as the face shows), neutral, calm, happy, sad, angry, fearful, disgust or surprised",
    )
    parser.add_argument("--intensity", type=float, default=1.0, metavar="0..1", help="of the emotion (default 1)")
    parser.add_argument(
        "--voice", default="auto", help="auto (as the face suggests), a recording of the wanted voice, or a preset"
    )
    parser.add_argument("--face", type=int, metavar="N", help="which face, 0 the largest (default: the speaking one)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed gives another take (default 0)")
    parser.add_argument("--takes", type=int, default=1, metavar="N", help="N takes, written as name_1 to name_N")
    parser.add_argument("--steps", type=int, metavar="N", help="sampler steps (default: the model's)")
    parser.add_argument("--sampler", help="euler, analytic, confidence, halton or remasking (default: the model's)")
    parser.add_argument(
        "--guidance",
        metavar="W",
        help="how strongly lips, voice and emotion steer, 1 plain; or of each, as joint=1.5,lip=0,identity=0,emotion=1",
    )
    parser.add_argument(
        "--threshold", type=float, metavar="X", help="similarity below which a token read from the lips is refilled"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was found and done as JSON")
    parser.add_argument(
        "--sidecar", action="store_true", help="write how each file was made beside it as well, as FILE.json"
    )
    parser.add_argument("--model", help="name or folder of the model (default: the embedded one)")
    parser.add_argument("--adapter", type=Path, metavar="FILE", help="of the talker, made by `imagintalk adapt`")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Dub and write. Raises ImaginTalkError."""
    from imagintalk.console import progress_bar, warn  # here and below: slow to import
    from imagintalk.types import Clip, Progress

    with progress_bar() as notify:
        notify(Progress("loading the program", 0.0))
        from imagintalk.dubbing.options import DubOptions
        from imagintalk.dubbing.outputs import Outputs
        from imagintalk.dubbing.report import provenances, report
        from imagintalk.media.probe import probe
        from imagintalk.media.times import clip_duration

        clip = Clip(args.clip, args.start, args.end)
        clip_duration(clip, probe(clip.path))
        options = DubOptions(
            emotion=args.emotion,
            intensity=args.intensity,
            voice=args.voice,
            face=args.face,
            seed=args.seed,
            takes=args.takes,
            steps=args.steps,
            sampler=args.sampler,
            guidance=None if args.guidance is None else _guidance(args.guidance),
            threshold=args.threshold,
        )
        outputs = Outputs(clip, args.output, options.takes, args.report, args.sidecar)
        from imagintalk.pipeline import Pipeline

        pipeline = Pipeline.load(args.model, args.device, args.adapter)
        result = pipeline.run(clip, options, notify)
        made = provenances(pipeline.store, clip, options, result, pipeline.parts.talker)
        outputs.write(result, made, report(options, result, made))
    for warning in result.warnings:
        warn(warning)
    return 0


def _guidance(text: str) -> Guidance | float:
    """`1.5`, or weights by name. Raises OptionError."""
    from imagintalk.config import Guidance

    weights = guidance_weights(text)
    try:
        return weights if isinstance(weights, float) else Guidance(**weights)
    except TypeError:
        raise _not_guidance(text) from None


def guidance_weights(text: str) -> float | dict[str, float]:
    """One weight, or weights by name, whose names are not looked at. Raises OptionError."""
    try:
        if "=" not in text:
            return float(text)
        return {name.strip(): float(weight) for name, weight in (part.split("=", 1) for part in text.split(","))}
    except ValueError:
        raise _not_guidance(text) from None


def _not_guidance(text: str) -> OptionError:
    return OptionError(
        f"guidance {text!r}: expected a number or weights such as joint=1.5,emotion=1"
        " (of joint, lip, identity, emotion)"
    )
