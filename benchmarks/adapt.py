"""What `imagintalk adapt` is worth: one GRID talker's clips that are kept out, read before and after.

    python benchmarks/adapt.py ../shared/data/grid --talker s4

Adapts with 5, 10, 20 and 40 clips of the talker's training split, or as many as there are, and dubs all clips of the
other two splits. Tells the share of tokens that the lip aligner reads right, word errors with the GRID grammar, and the
GE2E cosine of the dub's voice to the recording's. A model that was trained on the talker's training split, as the
shipped one is on s4's, has little left to learn from it: for what a stranger gains, give one that was not (--model).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagintalk.adapting.adapt import adapt
from imagintalk.data.grid import read_grid
from imagintalk.data.recording import Recording
from imagintalk.dubbing.options import DubOptions
from imagintalk.evaluation.recogniser import GrammarRecogniser
from imagintalk.evaluation.subset import evenly
from imagintalk.evaluation.words import pooled, word_errors
from imagintalk.media.audio import read_audio
from imagintalk.pipeline import Pipeline
from imagintalk.rates import EAR_SAMPLE_RATE
from imagintalk.tokens.build import build_tokenizer
from imagintalk.types import Clip

CLIPS = (5, 10, 20, 40)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    accuracy: float
    words_wrong: float
    voice: float
    note: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.accuracy:.1%} | {self.words_wrong:.1%} | {self.voice:.3f} | {self.note} |"


def measure(what: str, pipeline: Pipeline, kept: Sequence[Recording], note: str) -> Row:
    """Dub the clips that were kept out."""
    tokenizer = build_tokenizer(pipeline.parts.config.tokens)
    pipeline.store.load_part("tokens", tokenizer)
    ear, embed = GrammarRecogniser(), pipeline.parts.speaker.embed
    right, errors, voices = [], [], []
    for recording in kept:
        result = pipeline.run(Clip(recording.path), DubOptions())
        speech = result.takes[0].speech
        sound = read_audio(recording.path, EAR_SAMPLE_RATE, 0.0, float(result.crops.duration_s))
        frames = min(len(result.content.ids), len(true := tokenizer.encode(sound)))
        right.append(result.content.ids[:frames] == true[:frames])
        errors.append(word_errors(recording.text, ear.transcribe(speech.samples, speech.rate)))
        voices.append(float(embed(speech.samples, speech.rate) @ embed(sound, EAR_SAMPLE_RATE)))
    return Row(what, float(np.concatenate(right).mean()), pooled(errors).rate, float(np.mean(voices)), note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path, help="GRID's folder")
    parser.add_argument("--talker", default="s4")
    parser.add_argument("--model", help="name or folder (default: the shipped one)")
    args = parser.parse_args()
    own = [recording for recording in read_grid(args.grid) if recording.talker == args.talker]
    given = [recording for recording in own if recording.split == "train"]
    kept = [recording for recording in own if recording.split != "train"]
    print("| clips | tokens right | words wrong | voice | |\n|---|---|---|---|---|")
    plain = Pipeline.load(args.model)
    print(measure("none", plain, kept, f"{len(kept)} clips kept out"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted({min(count, len(given)) for count in CLIPS}):
            begun, path = time.perf_counter(), Path(folder) / f"{count}.safetensors"
            talker = adapt(plain.store, plain.parts, [r.path for r in evenly(given, count)], lambda progress: None)
            talker.save(path)
            seconds, lips = time.perf_counter() - begun, "lips changed" if talker.lips else "lips as they were"
            note = f"{lips}; {path.stat().st_size / 1e6:.2f} MB in {seconds:.0f} s"
            print(measure(str(count), Pipeline.load(args.model, adapter=path), kept, note), flush=True)


if __name__ == "__main__":
    main()
