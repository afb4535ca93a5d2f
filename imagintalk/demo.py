"""The program shown on a clip of its own: a drawn talker says a sentence, loses the sound, and is dubbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from imagintalk.drawn.render import draw_clip
from imagintalk.drawn.sentence import GridSentence, sample_sentences
from imagintalk.dubbing.options import DubOptions
from imagintalk.dubbing.report import provenances
from imagintalk.errors import OutputError
from imagintalk.evaluation.recogniser import GrammarRecogniser, Recogniser, WhisperRecogniser
from imagintalk.evaluation.spectrogram import Panel, draw_spectrograms
from imagintalk.evaluation.words import WordErrors, word_errors
from imagintalk.media.audio import read_audio, write_wav
from imagintalk.media.container import open_media, picture_stream
from imagintalk.media.files import whole_file
from imagintalk.media.mux import write_video
from imagintalk.pipeline import Pipeline
from imagintalk.rates import SAMPLE_RATE
from imagintalk.types import Clip, Notify, Progress, Speech

TRUE, SILENT, SPEECH, DUBBED, PICTURE = "true.mp4", "silent.mp4", "speech.wav", "dubbed.mp4", "spectrograms.png"

_DRAWN, _DUBBED = 0.2, 0.8
"""Shares of the whole time after which the clip is drawn, and dubbed."""


@dataclass(frozen=True)
class Hearing:
    """What one recogniser heard."""

    recogniser: str
    true: str
    """In the synthesiser's own sound."""
    dub: str
    """In the dub."""


@dataclass(frozen=True)
class Demonstration:
    """What was said, made and heard."""

    sentence: GridSentence
    hearings: tuple[Hearing, ...]
    files: tuple[Path, ...]
    warnings: tuple[str, ...]

    def errors(self, heard: str) -> WordErrors:
        """Word errors of something heard."""
        return word_errors(self.sentence.text, heard)


def demonstrate(pipeline: Pipeline, folder: Path, notify: Notify, seed: int = 0) -> Demonstration:
    """Draw, dub and listen to the sentence that `seed` picks out of those that no training saw.

    Writes into `folder`, which is made: true.mp4 (the drawn talker with the synthesiser's sound), silent.mp4 (its
    picture alone, which is all that is dubbed), speech.wav, dubbed.mp4, spectrograms.png (true above generated).
    Raises OutputError, WeightsError, FaceError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: expected a folder to write to, got {error.strerror}; choose another") from None
    true, silent, wav, dubbed, picture = (folder / name for name in (TRUE, SILENT, SPEECH, DUBBED, PICTURE))
    notify(Progress("drawing a talking head", 0.0))
    sentence = sample_sentences(1, "test", seed)[0]
    words = draw_clip(sentence, seed, true)
    drop_sound(true, silent)

    clip, options = Clip(silent), DubOptions(seed=seed)
    result = pipeline.run(clip, options, _between(notify, _DRAWN, _DUBBED))
    speech = result.takes[0].speech
    tags = provenances(pipeline.store, clip, options, result)[0].tags()
    write_wav(wav, speech, tags)
    write_video(silent, clip, speech, dubbed, tags)

    said = Speech(read_audio(true, SAMPLE_RATE, 0.0, float(result.crops.duration_s)), SAMPLE_RATE)
    times = tuple((word.start_s, word.end_s, word.name) for word in words)
    draw_spectrograms(picture, [Panel(f"true: {sentence.text}", said, times), Panel("generated", speech, times)])
    hearings = _listen(said, speech, notify)
    return Demonstration(sentence, hearings, (true, silent, wav, dubbed, picture), result.warnings)


def drop_sound(source: Path, target: Path) -> None:
    """Copy the picture's packets, and nothing else, to `target`. Raises ClipError, OutputError."""
    with open_media(source) as reader, whole_file(target) as partial, av.open(str(partial), "w") as writer:
        picture = picture_stream(reader, source)
        copied = writer.add_stream_from_template(picture)
        for packet in reader.demux(picture):
            if packet.dts is not None:  # else it is the empty one that would flush a decoder
                packet.stream = copied
                writer.mux(packet)


def _listen(said: Speech, speech: Speech, notify: Notify) -> tuple[Hearing, ...]:
    ears: dict[str, Callable[[], Recogniser]] = {"grammar": GrammarRecogniser, "Whisper base": WhisperRecogniser}
    hearings = []
    for number, (name, make) in enumerate(ears.items()):
        notify(Progress(f"listening ({name})", _DUBBED + (1 - _DUBBED) * number / len(ears)))
        ear = make()
        true, dub = (ear.transcribe(sound.samples, sound.rate) for sound in (said, speech))
        hearings.append(Hearing(name, true, dub))
    notify(Progress("done", 1.0))
    return tuple(hearings)


def _between(notify: Notify, first: float, last: float) -> Notify:
    """Reports of a part of the work, as that share of the whole."""
    return lambda progress: notify(Progress(progress.stage, first + (last - first) * progress.fraction))
