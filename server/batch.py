"""`imagintalk batch`: many clips through the worker, resumed where it stopped."""

from __future__ import annotations

import argparse
import csv
import glob
import hashlib
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imagintalk.console import progress_bar
from imagintalk.errors import ClipError, ImaginTalkError, OptionError, OutputError, WorkerError
from imagintalk.media.audio import read_tags
from imagintalk.media.files import check_place, whole_file
from imagintalk.provenance import sidecar, sidecar_path
from imagintalk.types import Progress

from .address import Address
from .asking import asking
from .client import Client, ClientError
from .protocol import BATCH, DONE, ClipRequest, Hello
from .remote import fetch, name_file, name_voice
from .settings import PIPELINE, Backend, Settings, default_state

EXIT_SOME_FAILED = 1
AHEAD = 16
"""Clips that wait at the worker at once: it never starves, and no upload or result lies there for long."""
RECORD = ".imagintalk-batch.jsonl"
"""In OUT: which request made which file, so that a second run knows what need not be done."""

_ENDING = ".wav"
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
    fault: str = ""
    """Why it cannot be asked for, in words."""


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
        told = Batch(client, args.output / RECORD, args.sidecar).run(items)
    for item, words in (*told.remarks, *told.failures):
        print(words if words.startswith(item.request.path) else f"{item.request.path}: {words}", file=sys.stderr)
    print(f"{told.dubbed} dubbed, {told.skipped} there already, {len(told.failures)} failed")
    return EXIT_SOME_FAILED if told.failures else 0


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
    """name: of the output, within `out` and with or without its ending; empty: the clip's."""
    stem = name[: -len(_ENDING)] if name.lower().endswith(_ENDING) else name or Path(request.path).stem
    names = [stem] if request.takes == 1 else [f"{stem}_{number}" for number in range(1, request.takes + 1)]
    return Item(request, tuple(out / f"{name}{_ENDING}" for name in names))


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
        if None in row:
            raise OptionError(f"{path}, line {number}: expected at most {len(reader.fieldnames or ())} cells")
        yield _row(values, path, number, base, out)


def _row(values: dict[str, str], listed: Path, number: int, base: ClipRequest, out: Path) -> Item:
    """A line of the list; what is wrong with it is a failure of its own and not of the batch."""
    name = values.pop("output", "")
    clip = replace(base, path=str(listed.parent / values.pop("path")))
    try:
        request = replace(clip, **{key: _READ.get(key, str)(text) for key, text in values.items()})
    except ValueError as error:
        return Item(clip, (), f"{listed}, line {number}: {error}")
    if request.takes < 1:
        return Item(clip, (), f"{listed}, line {number}: takes {request.takes}: expected 1 or more")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return Item(clip, (), f"{listed}, line {number}: output {name}: expected a name within {out}")
    return _item(request, out, name)


_READ: dict[str, Callable[[str], Any]] = {
    "start_s": float, "end_s": float, "intensity": float, "threshold": float,
    "face": int, "seed": int, "takes": int, "steps": int,
}  # fmt: skip


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


@dataclass
class Told:
    """How a batch went."""

    dubbed: int = 0
    skipped: int = 0
    failures: list[tuple[Item, str]] = field(default_factory=list)
    remarks: list[tuple[Item, str]] = field(default_factory=list)
    """What the user should know of clips that were dubbed."""


class Batch:
    """One run of a batch."""

    def __init__(self, client: Client, record: Path, sidecar: bool = False) -> None:
        """record: in OUT. sidecar: write how each file was made beside it."""
        self._client, self._record, self._hello = client, record, client.hello()
        self._sidecar = sidecar
        self._known = _read_record(record)
        self._waiting: deque[tuple[int, Item, str]] = deque()
        self._told = Told()

    def run(self, items: list[Item]) -> Told:
        """Keeps a few clips waiting at the worker and brings each result as it comes. Ctrl-C cancels what is left."""
        try:
            with _bar(len(items)) as show:
                for number, item in enumerate(items):
                    while len(self._waiting) >= AHEAD:
                        self._finish(show, number - len(self._waiting))
                    self._begin(item)
                while self._waiting:
                    self._finish(show, len(items) - len(self._waiting))
        except KeyboardInterrupt:
            for job, _, _ in self._waiting:
                self._client.cancel(job)
            raise
        return self._told

    def _begin(self, item: Item) -> None:
        digest = _digest(item, self._hello)
        there = [path for path in item.outputs if path.exists()]
        try:
            if item.fault:
                raise OptionError(item.fault)
            if there and self._name(item) not in self._known:
                raise OutputError(f"{there[0]} is there already, and no batch made it; remove it or choose another OUT")
            told = not self._sidecar or all(sidecar_path(path).exists() for path in there)
            if told and len(there) == len(item.outputs) and self._known.get(self._name(item)) == digest:
                self._told.skipped += 1
                return
            self._waiting.append((self._submit(item), item, digest))
        except (ImaginTalkError, ClientError) as error:
            self._failed(item, error)

    def _finish(self, show: Callable[[float], None], before: int) -> None:
        """Wait for the clip that was submitted first. before: so many are finished."""
        job, item, digest = self._waiting[0]
        try:
            found = self._client.wait(job, lambda news: show(before + news.fraction))
            if found.state != DONE:
                raise WorkerError(found.reason or found.state)
            self._bring(job, item, digest)
            self._told.dubbed += 1
        except (ImaginTalkError, ClientError) as error:
            self._failed(item, error)
        self._waiting.popleft()
        show(before + 1)

    def _failed(self, item: Item, error: Exception) -> None:
        self._told.failures.append((item, " ".join(str(error).split())))

    def _submit(self, item: Item) -> int:
        request = replace(
            item.request,
            path=name_file(self._client, self._hello, Path(item.request.path)),
            voice=name_voice(self._client, self._hello, item.request.voice),
        )
        return self._client.submit(request)

    def _bring(self, job: int, item: Item, digest: str) -> None:
        result = self._client.result(job)
        with ExitStack() as stack:
            for take, path in zip(result.takes, item.outputs, strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = stack.enter_context(whole_file(path))
                fetch(self._client, self._hello, job, take, partial)
                if self._sidecar:
                    told = sidecar(read_tags(partial)["comment"], partial)
                    stack.enter_context(whole_file(sidecar_path(path))).write_text(told, encoding="utf-8")
        self._told.remarks += [(item, words) for words in (*result.notes, *result.warnings)]
        with self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"output": self._name(item), "request": digest}) + "\n")

    def _name(self, item: Item) -> str:
        """By which the record knows an item: its first output, within OUT."""
        return item.outputs[0].relative_to(self._record.parent).as_posix()


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
def _bar(total: int) -> Iterator[Callable[[float], None]]:
    """Gives what tells how many clips are finished, parts of one included."""
    with progress_bar() as notify:
        yield lambda done: notify(Progress(f"{int(done)} of {total} clips", min(done / max(total, 1), 1.0)))
