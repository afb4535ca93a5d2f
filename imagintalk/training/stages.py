"""Builds a stage by its name from config, cache and the parts trained before it, runs it, and stores its parts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from imagintalk.codec.codec import Codec
from imagintalk.config import Config
from imagintalk.data.cache import RESTYLED, Example, of_split, read_cache
from imagintalk.data.splits import Split
from imagintalk.device import find_device
from imagintalk.errors import DataError, OptionError, WeightsError
from imagintalk.external import EXTERNAL, external_weights
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.detector import ErrorDetector
from imagintalk.models import MODEL_FILE, ModelStore
from imagintalk.refine.language import TokenLanguageModel
from imagintalk.style.voices import PRESETS_FILE, save_presets
from imagintalk.tokens.build import build_tokenizer
from imagintalk.tokens.fit import Utterance, fit_kmeans
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.training.code_table import CodeTable
from imagintalk.training.codec_stage import RECIPE as CODEC_RECIPE
from imagintalk.training.codec_stage import CodecStage
from imagintalk.training.diffusion_stage import RECIPE as DIFFUSION_RECIPE
from imagintalk.training.diffusion_stage import DiffusionStage
from imagintalk.training.growth import start_from
from imagintalk.training.language_stage import RECIPE as LANGUAGE_RECIPE
from imagintalk.training.language_stage import LanguageStage
from imagintalk.training.lip_table import LipTable
from imagintalk.training.lips_stage import RECIPE as LIPS_RECIPE
from imagintalk.training.lips_stage import LipsStage
from imagintalk.training.loop import Run
from imagintalk.training.options import TrainOptions
from imagintalk.training.presets import preset_voices
from imagintalk.training.stage import Recipe, Stage
from imagintalk.training.style_stage import RECIPE as STYLE_RECIPE
from imagintalk.training.style_stage import StyleStage
from imagintalk.training.token_table import TokenTable, ear_samples
from imagintalk.training.token_variants import TokenVariants
from imagintalk.types import Notify, Progress

STAGES = ("codec", "tokens", "language", "lips", "style", "diffusion")
"""In the order in which they need each other."""
RECIPES = {
    "codec": CODEC_RECIPE,
    "language": LANGUAGE_RECIPE,
    "lips": LIPS_RECIPE,
    "style": STYLE_RECIPE,
    "diffusion": DIFFUSION_RECIPE,
}
DATA_LICENCES = {
    "grid": "CC BY 4.0",
    "ravdess": "CC BY-NC-SA 4.0",
    "speech": "speechocean762: free for commercial and non-commercial use",
    "drawn": "drawn and spoken by this program",
    "mead": "non-commercial research",
    "lrs3": "non-commercial research",
}
NEED_PICTURE = ("lips", "style")
SPLITS: tuple[Split, ...] = ("train", "validation")
TOKEN_UTTERANCES = 2000
"""k-means sees at most so many recordings, spread evenly."""


@dataclass(frozen=True, kw_only=True)
class PartOptions(TrainOptions):
    """One call of `imagintalk train` for a part of a model, whose folder is `folder`."""

    config: Config
    published: str | None = None
    """Weights to take, a file or a name of `imagintalk models list`: of stage `lips` a front end, which stays frozen;
    of stage `codec` EnCodec's, whole, so that nothing is trained."""


def open_store(options: PartOptions, examples: list[Example]) -> ModelStore:
    """The model folder, made when it is not there. Raises WeightsError when it holds a model of other sizes.

    It carries the licences of all corpora that any of its parts has seen.
    """
    corpora = {example.corpus for example in examples}
    if (options.folder / MODEL_FILE).exists():
        corpora |= ModelStore(options.folder).card["data_licences"].keys()
    licences = {corpus: licence for corpus, licence in DATA_LICENCES.items() if corpus in corpora}
    together = "as the data: " + "; ".join(f"{corpus} {licence}" for corpus, licence in licences.items())
    return ModelStore.create(options.folder, options.config, together, licences)


def train(stage: str, options: PartOptions, notify: Notify) -> dict[str, Any]:
    """Train one stage, or resume it, and store its parts. Returns the facts that went into the model's card.

    Raises OptionError for an unknown stage, DataError, WeightsError when an earlier stage is missing.
    """
    if stage not in STAGES:
        raise OptionError(f"train: expected a stage, one of {', '.join(STAGES)}, got {stage!r}")
    find_device(options.device)
    prepared = read_cache(options.cache)
    if stage != "diffusion":
        prepared = [e for e in prepared if e.corpus != RESTYLED]
    examples = _usable(stage, prepared, options.cache)
    store = open_store(options, prepared)
    if stage == "tokens":
        return _train_tokens(store, options, examples, notify)
    recipe = options.recipe(RECIPES[stage])
    torch.manual_seed(options.seed)  # initial weights
    built = _build(stage, store, options, examples, recipe, notify)
    if options.published is not None:
        known = options.published in EXTERNAL
        path = external_weights(options.published) if known else Path(options.published)
        if isinstance(built, CodecStage):
            return _take_encodec(store, built.codec, path)
        if not isinstance(built, LipsStage):
            raise OptionError(f"train {stage}: published weights are for the stages codec and lips; leave them out")
        built.objective.aligner.visual.load_frontend(path)
    if options.start_from is not None:
        first = ModelStore(options.start_from)
        for name, module in built.parts.items():
            start_from(first, name, module)
    run = Run(built, options.run(stage))
    run.train(notify)
    run.load_best()
    facts: dict[str, Any] = {
        "steps": run.step,
        "best_validation_score": run.best,
        "seed": options.seed,
        "recipe": dataclasses.asdict(recipe),
        "recordings": len(of_split(examples, "train")),
    }
    if options.published is not None:
        facts["frontend"] = options.published
    if options.start_from is not None:
        facts["started_from"] = ModelStore(options.start_from).card["files"][stage]
    if run.accelerator.is_main_process:
        for name, module in built.parts.items():
            store.save_part(name, module.cpu(), facts)
        if stage == "style":
            save_presets(options.folder, preset_voices(prepared, DATA_LICENCES))
            store.enter_extra(PRESETS_FILE)
        (options.folder / f"{stage}.log.jsonl").write_text((run.options.folder / "log.jsonl").read_text())
    return facts


def _take_encodec(store: ModelStore, codec: Codec, path: Path) -> dict[str, Any]:
    """Store EnCodec's published weights as the model's codec. Raises WeightsError."""
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path}: expected EnCodec's 24 kHz weights, cannot be read: {error}") from None
    codec.load_encodec(weights)
    facts = {"published": path.name}
    store.save_part("codec", codec, facts)
    return facts


def _usable(stage: str, prepared: list[Example], cache: Path) -> list[Example]:
    """Those that the stage can learn from. Raises DataError when none is left to train on, or to validate with."""
    examples = [e for e in prepared if e.has_picture] if stage in NEED_PICTURE else prepared
    kind = "recordings with a picture" if stage in NEED_PICTURE else "recordings"
    for split in SPLITS:
        if not of_split(examples, split):
            raise DataError(
                f"{cache}: expected {kind} in the {split} split to train {stage}, found none; prepare more of them"
            )
    return examples


def _build(
    stage: str, store: ModelStore, options: PartOptions, examples: list[Example], recipe: Recipe, notify: Notify
) -> Stage:
    config = options.config
    if stage == "codec":
        return CodecStage(config.codec, examples, recipe)
    if stage == "style":
        return StyleStage(config, examples, recipe)
    tokenizer = build_tokenizer(config.tokens)
    store.load_part("tokens", tokenizer)
    recorded = [e for e in examples if e.content_of is None]
    table = TokenTable(recorded, tokenizer)
    if stage == "language":
        return LanguageStage(config, examples, table, recipe)
    codec = Codec(config.codec)
    store.load_part("codec", codec)
    if stage == "lips":
        return LipsStage(config, examples, table, tokenizer.centroids, codec, recipe)
    language = TokenLanguageModel(config.language, config.tokens)
    store.load_part("language", language)
    codes = CodeTable(examples, codec, codec_key(codec), options.cache, _share(notify, "encode"))
    variants = TokenVariants(of_split(recorded, "train"), tokenizer)
    aligner, detector = LipAligner(config.lips, config.tokens), ErrorDetector(config.lips)
    store.load_part("lips", nn.ModuleDict({"aligner": aligner, "detector": detector}))
    lips = LipTable(recorded, aligner, detector, language, config, _share(notify, "read lips"))
    return DiffusionStage(config, examples, table, variants, lips, codes, language, codec, recipe)


def codec_key(codec: Codec) -> str:
    """Names the codes that a codec gives: its encoder and codebooks, not its decoder."""
    digest = hashlib.sha256()
    for part in (codec.encoder, codec.quantizer):
        for name, value in part.state_dict().items():
            if not name.endswith(("embed_avg", "cluster_size")):
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _share(notify: Notify, stage: str) -> Callable[[float], None]:
    return lambda fraction: notify(Progress(stage, fraction))


def _train_tokens(store: ModelStore, options: PartOptions, examples: list[Example], notify: Notify) -> dict[str, Any]:
    """Fit the content tokens on training recordings."""
    tokenizer = build_tokenizer(options.config.tokens)
    trained = of_split(examples, "train")
    # Word times tell what matters in a sound; recordings without them would only blur it (benchmarks/tokens.py).
    chosen = [e for e in trained if e.words] or trained
    chosen = chosen[:: max(1, len(chosen) // TOKEN_UTTERANCES)]
    facts = {"recordings": len(chosen), "seed": options.seed}
    if isinstance(tokenizer, KMeansTokenizer):
        utterances = []
        for count, example in enumerate(chosen, 1):
            utterances.append(Utterance(ear_samples(example), example.words))
            notify(Progress("tokens: listen", 0.5 * count / len(chosen)))
        fit_kmeans(tokenizer, utterances, options.seed)
    store.save_part("tokens", tokenizer, facts)
    notify(Progress("tokens", 1.0))
    log = {"tokens": options.config.tokens.kind, **facts}
    (options.folder / "tokens.log.jsonl").write_text(json.dumps(log) + "\n")
    return facts
