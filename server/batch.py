"""`imagintalk batch`: many clips through the worker, resumed where it stopped."""

from __future__ import annotations

import argparse
import csv
import glob
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from imagintalk.console import progress_bar
from imagintalk.errors import ClipError, ImaginTalkError, OptionError, OutputError, WorkerError
from imagintalk.media.files import check_place, whole_file
from imagintalk.types import Progress

from .address import Address
from .asking import asking
from .client import Client, ClientError
from .protocol import BATCH, DONE, ClipRequest, Hello, Job
from .remote import fetch, name_file, name_voice
from .settings import PIPELINE, Backend, Settings, default_state

EXIT_SOME_FAILED = 1
RECORD = ".imagintalk-batch.jsonl"
"""In OUT: which request made which file, so that a second run knows what need not be done."""

_SUFFIXES = {".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ts", ".webm"}
_COLUMNS = {"clip": "path", "start": "start_s", "end": "end_s"} | {
    name: name for name in ("emotion", "intensity", "voice", "face", "seed", "takes", "steps", "threshold", "output")
}


@dataclass(frozen=True)
class Item:
    """One clip of a batch. Its request's path and voice are still those of this machine."""

    request: ClipRequest
    outputs: tuple[Path, ...]
    """One for each take."""


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 all are there, 1 some failed. Raises ImaginTalkError."""
    base = ClipRequest(
        path="", emotion=args.emotion, voice=args.voice, seed=args.seed, steps=args.steps, priority=BATCH
    )
    items = list(find_items(args.clips, args.output, base))
    if not items:
        raise ClipError(f"no clip in {', '.join(args.clips)}; expected videos")
    _check_outputs(items)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{args.output}: cannot be made ({error.strerror}); choose another folder") from None
    check_place(args.output / RECORD)
    with _some_worker(args) as client:
        failures, skipped = Batch(client, args.output / RECORD).run(items)
    done = len(items) - len(failures) - skipped
    for item, reason in failures:
        print(f"{item.request.path}: {reason}", file=sys.stderr)
    print(f"{done} dubbed, {skipped} there already, {len(failures)} failed")
    return EXIT_SOME_FAILED if failures else 0


def find_items(clips: list[str], out: Path, base: ClipRequest) -> Iterator[Item]:
    """The clips that folders, patterns, lists and names stand for. Raises ClipError, OptionError."""
    for word in clips:
        path = Path(word)
        if path.is_dir():
            yield from (_item(replace(base, path=str(p)), out) for p in sorted(path.iterdir()) if _is_video(p))
        elif path.suffix.lower() == ".csv":
            yield from _listed(path, out, base)
        elif path.exists():
            yield _item(replace(base, path=word), out)
        else:
            found = sorted(glob.glob(word, recursive=True))
            if not found:
                raise ClipError(f"{word}: no such file, folder or pattern of files")
            yield from (_item(replace(base, path=p), out) for p in found if Path(p).is_file())


def _is_video(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def _item(request: ClipRequest, out: Path, name: str = "") -> Item:
    stem = Path(name).stem if name else Path(request.path).stem
    names = [stem] if request.takes == 1 else [f"{stem}_{number}" for number in range(1, request.takes + 1)]
    return Item(request, tuple(out / f"{name}.wav" for name in names))


def _listed(path: Path, out: Path, base: ClipRequest) -> Iterator[Item]:
    """Rows of a .csv with a head; clips are named from the list's own folder."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            unknown = set(reader.fieldnames or ()) - _COLUMNS.keys()
            if unknown or "clip" not in (reader.fieldnames or ()):
                raise OptionError(
                    f"{path}: expected columns of {', '.join(_COLUMNS)}, clip among them, got {reader.fieldnames}"
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ClipError(f"{path}: expected a list as .csv ({error})") from None
    for number, row in enumerate(rows, 2):
        values = {_COLUMNS[name]: text for name, text in row.items() if name and text}
        if "path" not in values:
            raise OptionError(f"{path}, line {number}: expected a clip")
        name = values.pop("output", "")
        try:
            told = {key: _KINDS[key](text) for key, text in values.items()}
        except ValueError as error:
            raise OptionError(f"{path}, line {number}: {error}") from None
        request = replace(base, **told)
        if request.takes < 1:
            raise OptionError(f"{path}, line {number}: takes {request.takes}: expected 1 or more")
        yield _item(replace(request, path=str(path.parent / request.path)), out, name)


_KINDS = {
    field.name: {"int": int, "float": float}.get(str(field.type).partition(" ")[0], str)
    for field in fields(ClipRequest)
}


def _check_outputs(items: list[Item]) -> None:
    """Two clips must not write one file. Raises OutputError."""
    owners: dict[Path, str] = {}
    for item in items:
        for output in item.outputs:
            if output in owners:
                raise OutputError(
                    f"{output}: both {owners[output]} and {item.request.path} would write it; name one otherwise in"
                    " the column `output` of a .csv"
                )
            owners[output] = item.request.path


class Batch:
    """One run of a batch."""

    def __init__(self, client: Client, record: Path) -> None:
        self._client, self._record, self._hello = client, record, client.hello()
        self._known = _read_record(record)

    def run(self, items: list[Item]) -> tuple[list[tuple[Item, str]], int]:
        """The items that failed with their reasons, and how many were there already. Ctrl-C cancels what is left."""
        todo: dict[int, tuple[Item, str]] = {}
        failures: list[tuple[Item, str]] = []
        skipped = 0
        try:
            for item in items:
                digest = _digest(item, self._hello)
                if digest == self._known.get(item.outputs[0].name) and all(path.is_file() for path in item.outputs):
                    skipped += 1
                    continue
                try:
                    todo[self._submit(item)] = (item, digest)
                except (ImaginTalkError, ClientError) as error:
                    failures.append((item, " ".join(str(error).split())))
            failures += self._collect(todo)
        except KeyboardInterrupt:
            for job in todo:
                self._client.cancel(job)
            raise
        return failures, skipped

    def _submit(self, item: Item) -> int:
        request = replace(
            item.request,
            path=name_file(self._client, self._hello, Path(item.request.path)),
            voice=name_voice(self._client, self._hello, item.request.voice),
        )
        return self._client.submit(request)

    def _collect(self, todo: dict[int, tuple[Item, str]]) -> list[tuple[Item, str]]:
        """Wait for the jobs and bring each result as it comes."""
        failures = []
        with _bar(len(todo)) as advance:

            def heard(job: Job) -> None:
                if not job.finished_s:
                    return
                item, digest = todo[job.id]
                try:
                    if job.state != DONE:
                        raise WorkerError(job.reason or job.state)
                    self._bring(job.id, item, digest)
                except (ImaginTalkError, ClientError) as error:
                    failures.append((item, " ".join(str(error).split())))
                advance()

            self._client.wait_all(list(todo), heard)
        return failures

    def _bring(self, job: int, item: Item, digest: str) -> None:
        result = self._client.result(job)
        with ExitStack() as stack:
            for take, path in zip(result.takes, item.outputs, strict=True):
                fetch(self._client, self._hello, job, take, stack.enter_context(whole_file(path)))
        with self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"output": item.outputs[0].name, "request": digest}) + "\n")


def _digest(item: Item, hello: Hello) -> str:
    """Of all that tells whether a file that is there is the one that is wanted; the clip counts by size and date."""
    facts = []
    for path in (Path(item.request.path), Path(item.request.voice)):
        if path.is_file():
            found = path.stat()
            facts.append([str(path.resolve()), found.st_size, found.st_mtime_ns])
    content = json.dumps([item.request.pack(), facts, hello.model_sha256])
    return hashlib.sha256(content.encode()).hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    """Output to request; a last line that was cut counts as not there."""
    known = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
            known[entry["output"]] = entry["request"]
        except (ValueError, KeyError, TypeError):
            continue
    return known


@contextmanager
def _some_worker(args: argparse.Namespace) -> Iterator[Client]:
    """A client of the worker that is asked for or runs; else of one within this process, for the time."""
    place = args.state or default_state()
    if args.worker or _answers(place):
        with asking(args.state, args.worker, args.certificates) as client:
            yield client
        return
    from .logs import set_up_logs
    from .worker import Worker  # slow to import

    worker = Worker(Settings(Backend(PIPELINE, ("", "auto")), state=place))
    set_up_logs(place, screen=False)
    worker.start()
    try:
        with asking(place) as client:
            yield client
    finally:
        worker.stop()


def _answers(place: Path) -> bool:
    address = Address.of_state(place)
    if address is None:
        return False
    try:
        with Client(address) as client:
            client.hello()
        return True
    except ClientError:
        return False


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """Gives what tells of one more clip that is finished."""
    finished = 0
    with progress_bar() as notify:

        def advance() -> None:
            nonlocal finished
            finished += 1
            notify(Progress(f"{finished} of {total} clips", finished / max(total, 1)))

        yield advance
