"""`imagintalk dub --worker`: the command as ever, the work done by the worker, on this machine or another."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import soundfile

from imagintalk.commands.dub import guidance_weights
from imagintalk.console import progress_bar, warn
from imagintalk.dubbing.outputs import Outputs
from imagintalk.errors import OptionError, WeightsError, WorkerError
from imagintalk.media.audio import read_tags
from imagintalk.media.files import whole_file
from imagintalk.media.mux import write_video
from imagintalk.media.probe import probe
from imagintalk.media.times import clip_duration
from imagintalk.types import Clip, Notify, Progress, Speech

from .asking import asking
from .client import Client
from .model_card import read_card
from .protocol import CLICK, DONE, ClipRequest, Hello, Job, Result
from .remote import fetch, name_file, name_voice


def run(args: argparse.Namespace) -> int:
    """Dub and write. Raises ImaginTalkError."""
    clip = Clip(args.clip, args.start, args.end)
    clip_duration(clip, probe(clip.path))
    if args.takes < 1:
        raise OptionError(f"takes {args.takes}: expected 1 or more")
    outputs = Outputs(clip, args.output, args.takes, args.report, args.sidecar)
    with asking(args.state, args.worker, args.certificates) as client:
        hello = client.hello()
        _check_same(args, hello)
        with progress_bar() as notify:
            job = client.submit(_request(args, client, hello))
            result = _follow(client, job, notify)
        with tempfile.TemporaryDirectory() as folder:
            _write(outputs, _brought(client, hello, job, result, Path(folder)))
    for words in (*result.notes, *result.warnings):
        warn(words)
    return 0


def _check_same(args: argparse.Namespace, hello: Hello) -> None:
    """Model and device are chosen when the worker starts, and it takes no adapter. Raises OptionError."""
    if not _is_its_model(args.model, hello):
        raise OptionError(f"model {args.model}: the worker has {hello.model}; start it with --model {args.model}")
    if args.adapter is not None:
        raise OptionError(f"adapter {args.adapter}: the worker takes none; dub without --worker")
    if args.device != "auto":
        raise OptionError(f"device {args.device}: the worker has its own; start it with --device {args.device}")


def _is_its_model(model: str | None, hello: Hello) -> bool:
    if model in (None, hello.model):
        return True
    try:
        return read_card(model).sha256 == hello.model_sha256
    except WeightsError:  # not on this machine
        return False


def _request(args: argparse.Namespace, client: Client, hello: Hello) -> ClipRequest:
    guidance = None if args.guidance is None else guidance_weights(args.guidance)
    return ClipRequest(
        path=name_file(client, hello, args.clip),
        start_s=args.start,
        end_s=args.end,
        emotion=args.emotion,
        intensity=args.intensity,
        voice=name_voice(client, hello, args.voice),
        face=args.face,
        seed=args.seed,
        takes=args.takes,
        steps=args.steps,
        sampler=args.sampler,
        guidance=tuple(guidance.items()) if isinstance(guidance, dict) else guidance,
        threshold=args.threshold,
        priority=CLICK,
    )


def _follow(client: Client, job: int, notify: Notify) -> Result:
    """Until the job is done; Ctrl-C stops it. Raises WorkerError with its reason."""

    def show(news: Job) -> None:
        notify(Progress(news.stage or news.state, news.fraction))

    try:
        finished = client.wait(job, show)
    except KeyboardInterrupt:
        client.cancel(job)
        raise
    if finished.state != DONE:
        raise WorkerError(finished.reason or f"job {job} was {finished.state}")
    return client.result(job)


def _brought(client: Client, hello: Hello, job: int, result: Result, folder: Path) -> tuple[list[Path], Path | None]:
    """The takes and the report in a folder of ours."""
    for file in (*result.takes, *([result.report] if result.report else [])):
        fetch(client, hello, job, file, folder / file.name)
    return [folder / take.name for take in result.takes], folder / result.report.name if result.report else None


def _write(outputs: Outputs, brought: tuple[list[Path], Path | None]) -> None:
    """Everything under temporary names, then all into place. Raises OutputError, ClipError."""
    takes, report = brought
    with ExitStack() as stack:
        for path, take in zip(outputs.takes, takes, strict=True):
            partial, tags = stack.enter_context(whole_file(path)), read_tags(take)
            if path.suffix.lower() == ".wav":
                partial.write_bytes(take.read_bytes())
            else:
                speech = Speech(*soundfile.read(take, dtype="float32"))
                write_video(outputs.clip.path, outputs.clip, speech, partial, tags)
            outputs.write_sidecar(stack, path, partial, tags["comment"])
        if outputs.report is not None and report is not None:
            stack.enter_context(whole_file(outputs.report)).write_bytes(report.read_bytes())
