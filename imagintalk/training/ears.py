"""Trains the networks that `imagintalk evaluate` listens with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imagintalk.codec.codec import Codec
from imagintalk.data.cache import Example, of_split, read_cache
from imagintalk.device import find_device
from imagintalk.errors import DataError
from imagintalk.evaluation.ears.slots import speaks_grid
from imagintalk.evaluation.ears.store import save_ear
from imagintalk.models import ModelStore, find_model
from imagintalk.training.code_table import CodeTable
from imagintalk.training.emotion_stage import RECIPE as EMOTION_RECIPE
from imagintalk.training.emotion_stage import EmotionStage
from imagintalk.training.loop import Run
from imagintalk.training.options import TrainOptions
from imagintalk.training.slots_stage import RECIPE as SLOTS_RECIPE
from imagintalk.training.slots_stage import SlotsStage
from imagintalk.training.stages import DATA_LICENCES, codec_key
from imagintalk.types import Notify, Progress

RECIPES = {"slots": SLOTS_RECIPE, "emotion": EMOTION_RECIPE}
STAGES: dict[str, type[SlotsStage] | type[EmotionStage]] = {"slots": SlotsStage, "emotion": EmotionStage}
MATERIAL = {"slots": "GRID's sentences", "emotion": "acted emotions (RAVDESS)"}


def train_ear(ear: str, options: TrainOptions, notify: Notify) -> dict[str, Any]:
    """Train an ear, or resume it, and store it in the folder. Returns the facts stored with it.

    Raises DataError without fitting recordings, WeightsError.
    """
    find_device(options.device)
    examples = _fitting(ear, read_cache(options.cache), options.cache)
    store = ModelStore(find_model(options.start_from) if options.start_from else find_model())
    codec = Codec(store.config.codec)
    store.load_part("codec", codec)
    codes = CodeTable(examples, codec, codec_key(codec), options.cache, lambda share: notify(Progress("encode", share)))
    recipe = options.recipe(RECIPES[ear])
    torch.manual_seed(options.seed)
    stage: SlotsStage | EmotionStage = STAGES[ear](examples, codec, codes, notify, recipe)
    run = Run(stage, options.run(ear))
    run.train(notify)
    run.load_best()
    corpora = {e.corpus for e in examples}
    facts = {
        "steps": run.step,
        "best_validation_score": run.best,
        "seed": options.seed,
        "recordings": len(of_split(examples, "train")),
        "test": {name: round(value, 4) for name, value in stage.test().items()},
        "data_licences": {name: text for name, text in DATA_LICENCES.items() if name in corpora},
    }
    if run.accelerator.is_main_process:
        save_ear(ear, stage.parts[ear].cpu(), facts, options.folder)
    return facts


def _fitting(ear: str, prepared: list[Example], cache: Path) -> list[Example]:
    """What the ear learns from, and what it is validated and tested with: recorded, not drawn or restyled."""
    fits: dict[str, Callable[[Example], bool]] = {
        "slots": lambda e: speaks_grid(e.text) and (e.split == "train" or e.corpus == "grid"),
        "emotion": lambda e: e.emotion is not None and e.content_of is None,
    }
    examples = [e for e in prepared if fits[ear](e)]
    for split in ("train", "validation"):
        if not of_split(examples, split):
            raise DataError(
                f"{cache}: expected recordings of {MATERIAL[ear]} in the {split} split to train {ear}, found none; "
                "prepare more of them"
            )
    return examples
