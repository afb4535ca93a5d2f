"""What more recordings would bring: the lip aligner trained on shares of one talker, for a bounded time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import torch

from imagintalk.data.cache import Example, of_split, read_cache
from imagintalk.errors import DataError
from imagintalk.evaluation.subset import evenly
from imagintalk.evaluation.table import Table
from imagintalk.experiments.charts import Line, Lines
from imagintalk.experiments.experiment import Experiment, Figures, Report, Row, Unit
from imagintalk.experiments.lab import TALKER, Lab
from imagintalk.experiments.summary import known
from imagintalk.training.lips_stage import RECIPE, LipsStage
from imagintalk.training.loop import Run, RunOptions
from imagintalk.training.token_table import TokenTable

SHARES = (Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(1))
STEPS = 300
WARMUP_SHARE = 0.1
VALIDATIONS = 4
CORPUS = "grid"


class DataShare(Experiment):
    """A probe from scratch for each share; all see the validation split."""

    name = "data"
    title = "Recordings and quality"
    question = "What does the lip aligner gain from twice the recordings, trained for the same number of steps?"
    clips = 92
    parts = ("tokens", "codec")
    if_failed: Figures = {}

    def units(self, lab: Lab, clips: int) -> list[Unit]:
        return [Unit(f"{clips} of {CORPUS}", str(share), partial(self._measure, lab, clips, share)) for share in SHARES]

    def _measure(self, lab: Lab, clips: int, share: Fraction) -> Figures:
        """Trains; a run that was stopped goes on from its checkpoint in the cache."""
        examples = examples_of(lab, clips, share)
        steps = lab.steps or STEPS
        recipe = replace(
            RECIPE, steps=steps, warmup=round(WARMUP_SHARE * steps), validate_every=max(1, steps // VALIDATIONS)
        )
        torch.manual_seed(lab.seed)  # initial weights
        tokenizer = lab.parts.tokenizer
        table = TokenTable(examples, tokenizer)
        stage = LipsStage(lab.parts.config, examples, table, tokenizer.centroids, lab.parts.codec, recipe)
        trained = len(of_split(examples, "train"))
        folder = lab.places.cache / "experiments" / f"data-{lab.seed}-{steps}-{trained}-{clips}"
        device = str(lab.parts.device)
        run = Run(stage, RunOptions(folder, lab.seed, device, "no" if device == "cpu" else "bf16"))
        run.train(lambda progress: lab.beat(progress.fraction))
        run.load_best()
        stage.objective.eval()
        with torch.no_grad():
            found = stage.validate()
        shown = ("accuracy", "word_accuracy", "similarity", "token")
        return {"recordings": trained, "steps": steps, **{name: found[name] for name in shown}}

    def report(self, rows: Sequence[Row]) -> Report:
        rows = [row for row in rows if row["clip"] == rows[-1]["clip"]]
        cells = tuple(
            (
                row["setting"],
                str(row["recordings"]),
                f"{row['accuracy']:.1%}",
                f"{row['word_accuracy']:.1%}",
                f"{row['similarity']:.3f}",
                f"{row['token']:.3f}",
            )
            for row in rows
        )
        heads = ("share", "recordings", "tokens right", "words right", "likeness of the tokens", "cross-entropy")
        numbers = tuple(known(rows, "recordings"))
        panels = tuple(
            Lines(label, "recordings", label, (Line("probe", numbers, tuple(known(rows, figure))),), logarithmic=True)
            for figure, label in (("accuracy", "share of tokens right"), ("word_accuracy", "share of words right"))
        )
        notes = (
            f"{rows[0]['steps']} steps each, far fewer than the shipped model's; frames of the validation split; "
            "words: of the frames within them",
        )
        return Report((Table("Shares of GRID s1", heads, cells),), panels, notes)


def examples_of(lab: Lab, clips: int, share: Fraction) -> list[Example]:
    """A share of the talker's training examples, and so many of the validation ones, both evenly spread.

    Raises DataError where the corpus is not prepared.
    """
    seen = [e for e in read_cache(lab.places.cache, [CORPUS]) if e.talker == TALKER and e.has_picture]
    train, validation = of_split(seen, "train"), of_split(seen, "validation")
    if not train or not validation:
        raise DataError(
            f"{lab.places.cache}: expected prepared clips of GRID's {TALKER}; run `imagintalk prepare grid`"
        )
    return evenly(train, max(1, round(share * len(train)))) + evenly(validation, clips)
