"""What a fresh machine sees first: drawn talkers on a timeline, dubbed by the extension, and heard."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from imagintalk.demo import drop_sound
from imagintalk.drawn.render import draw_clip
from imagintalk.drawn.sentence import GridSentence, sample_sentences
from imagintalk.errors import ImaginTalkError, OutputError
from imagintalk.evaluation.recogniser import GrammarRecogniser, Recogniser, WhisperRecogniser
from imagintalk.evaluation.words import word_errors
from imagintalk.media.audio import read_audio
from imagintalk.media.container import open_media, picture_stream
from imagintalk.media.files import whole_file
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Notify, Progress, Speech

from ..build import BuildError, build

CLIPS = ("first.mp4", "second.mp4")
"""The second has 29.97 pictures a second, in a scene of 24, and is trimmed."""
NTSC = Fraction(30_000, 1001)

_DRAWN, _BUILT, _DUBBED = 0.1, 0.15, 0.85
"""Shares of the whole time after which the clips are drawn, the extension is built, and all is dubbed."""


class DemoError(ImaginTalkError):
    """Blender or the extension did not do as they should; one line."""


@dataclass(frozen=True)
class Take:
    """A take as Blender tells of it."""

    clip: str
    emotion: str
    path: str
    audible: bool
    start_s: float
    """Where in the film its strip is."""
    end_s: float


@dataclass(frozen=True)
class Heard:
    """What recognisers hear of a take."""

    take: Take
    sentence: str
    words: tuple[tuple[str, str], ...]
    """Recogniser, and what it heard."""


@dataclass(frozen=True)
class Shown:
    """What was made."""

    blend: Path
    film: Path
    archive: Path
    heard: tuple[Heard, ...]


def show(folder: Path, notify: Notify, seed: int = 0) -> Shown:
    """Draw two clips, put them on a timeline, dub them by the extension's operators, mix, and listen.

    Writes into `folder`, which is made: the clips, the extension, film.blend, its takes, film.mp4, the worker's folder.
    Raises OutputError, DemoError.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: expected a folder to write to, got {error.strerror}; choose another") from None
    notify(Progress("drawing two talking heads", 0.0))
    sentences = sample_sentences(len(CLIPS), "test", seed)
    draw(sentences, seed, folder)
    notify(Progress("building the extension", _DRAWN))
    try:
        archive = build(folder, folder / "build")
    except (BuildError, OSError) as error:
        raise DemoError(f"the extension cannot be built: {error}") from None
    notify(Progress("starting Blender", _BUILT))
    takes = list(_in_blender(folder, archive, notify))
    film = folder / "film.mp4"
    notify(Progress("listening", _DUBBED))
    heard = _listen(film, takes, dict(zip(CLIPS, sentences, strict=True)))
    return Shown(folder / "film.blend", film, archive, heard)


def draw(sentences: list[GridSentence], seed: int, folder: Path) -> None:
    """The silent clips. Raises OutputError, WeightsError."""
    for name, sentence in zip(CLIPS, sentences, strict=True):
        with whole_file(folder / f"sounding {name}") as sounding:
            draw_clip(sentence, seed, sounding)
            if name == CLIPS[-1]:
                _at_rate(sounding, folder / name, NTSC)
            else:
                drop_sound(sounding, folder / name)
        (folder / f"sounding {name}").unlink()


def _at_rate(source: Path, target: Path, rate: Fraction) -> None:
    """The picture alone, at another rate, each moment as in the source. Raises ClipError, OutputError."""
    with open_media(source) as reader, whole_file(target) as partial, av.open(str(partial), "w") as writer:
        picture = picture_stream(reader, source)
        frames = [(float(frame.time), frame) for frame in reader.decode(picture)]
        last = frames[-1][0] + float(1 / (picture.average_rate or rate))
        out = writer.add_stream("libx264", rate=rate, width=picture.width, height=picture.height, pix_fmt="yuv420p")
        for number in range(int(last * rate)):
            now = float(number / rate)
            shown = [frame for time, frame in frames if time <= now + 1e-6][-1]
            fresh = av.VideoFrame.from_ndarray(shown.to_ndarray(format="rgb24"))
            writer.mux(out.encode(fresh))
        writer.mux(out.encode())


def _in_blender(folder: Path, archive: Path, notify: Notify) -> Iterator[Take]:
    """Run `in_blender` in a process of its own, for Blender may take its process down. Raises DemoError."""
    command = [sys.executable, "-m", "imagintalk_addon.demo.in_blender", str(folder), str(archive), *CLIPS]
    said, last, takes = "", "", []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as child:
        for line in child.stdout or ():
            word, _, rest = line.strip().partition(" ")
            last = line.strip() or last
            if word == "demo:progress":
                fraction, _, stage = rest.partition(" ")
                notify(Progress(stage, _BUILT + (_DUBBED - _BUILT) * float(fraction)))
            elif word == "demo:take":
                takes.append(Take(**json.loads(rest)))
            elif word == "demo:error":
                said = rest
    if child.returncode or not takes:
        raise DemoError(f"Blender did not get through: {said or last or f'exit code {child.returncode}'}")
    yield from takes


def _listen(film: Path, takes: list[Take], sentences: dict[str, GridSentence]) -> tuple[Heard, ...]:
    """Of what is audible the film's sound at the strip, of the rest the take's file."""
    ears: dict[str, Callable[[], Recogniser]] = {"grammar": GrammarRecogniser, "Whisper base": WhisperRecogniser}
    made = {name: make() for name, make in ears.items()}
    heard = []
    for take in takes:
        source, first, end = (
            (film, take.start_s, take.end_s) if take.audible else (Path(take.path), 0.0, take.end_s - take.start_s)
        )
        sound = Speech(read_audio(source, SAMPLE_RATE, first, end), SAMPLE_RATE)
        words = tuple((name, ear.transcribe(sound.samples, sound.rate)) for name, ear in made.items())
        heard.append(Heard(take, sentences[take.clip].text, words))
    return tuple(heard)


def told(shown: Shown) -> str:
    """Each take, what was said and heard, and where everything is."""
    lines = []
    for one in shown.heard:
        where = f"in the film at {one.take.start_s:.2f} s" if one.take.audible else "muted on the timeline"
        lines.append(f"{one.take.clip}, emotion {one.take.emotion}, {where}")
        lines.append(f"  {'the drawn talker says:':26}{one.sentence}")
        for name, words in one.words:
            errors = word_errors(one.sentence, words)
            lines.append(
                f"  {f'{name} hears:':26}{words or '(nothing)'}   [{errors.errors} of {errors.words} words wrong]"
            )
    lines += ["written:", f"  {shown.blend}", f"  {shown.film}", f"  {shown.archive}"]
    return "\n".join([*lines, *(f"  {one.take.path}" for one in shown.heard)])
