"""Trains the concrete score network on recordings' own codes, tokens, voices and emotions (DESIGN section 2)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.config import Config
from imagintalk.data.cache import Example, of_split
from imagintalk.diffusion.conditions import Conditions
from imagintalk.diffusion.corruption import corrupt, group_stage, stratified_times
from imagintalk.diffusion.dit import StyleDiT
from imagintalk.diffusion.guidance import drop_conditions
from imagintalk.diffusion.loss import diffusion_loss
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME, VIDEO_FPS, exact_ratio
from imagintalk.refine.language import TokenLanguageModel
from imagintalk.refine.spans import corrupt as damage
from imagintalk.training.code_table import CodeTable
from imagintalk.training.lip_table import LipTable
from imagintalk.training.mix import Mix
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.training.token_table import TokenTable
from imagintalk.training.token_variants import TokenVariants
from imagintalk.types import Emotion

RECIPE = Recipe(steps=6500, learning_rate=8e-4, warmup=200, ema_decay=0.998, validate_every=250)
BATCH = 8
PICTURES = 75
"""Video frames of a piece: three seconds. Tokens and codes begin and end with them, whatever the codec's rate."""
SHARES = {"grid": 1.0, "drawn": 0.3, "ravdess": 1.0, "speech": 0.7, "restyled": 1.2}
BORROWED = 0.5
"""Share of the clips whose tokens are those of other talkers (`TokenVariants`)."""
SPELLED = 0.5
"""Share of the clips with a picture whose content is what lips spell (`LipTable`)."""
DAMAGED = 0.25
"""Share of the others whose tokens are damaged and refilled, as they are after lips were read."""
OTHER_VOICE = 0.5
"""Share of the clips that take the voice of another recording of the same talker: with its own the network would learn
the emotion from the voice and leave the asked one unheard."""


Content = NDArray[np.int64] | NDArray[np.float32]
"""Token ids (T50,) of a recording, or token weights (T50, size) of lips."""


class DiffusionObjective(nn.Module):
    """Score network under the frozen language model."""

    def __init__(self, network: StyleDiT, language: TokenLanguageModel, level_groups: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.language = language.requires_grad_(False)
        self.level_groups = level_groups

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        generator = torch.Generator().manual_seed(batch["seed"])
        codes, count = batch["codes"], len(batch["codes"])
        device, network = codes.device, self.network
        conditions = Conditions(self.content(batch, generator), batch["voice"], batch["emotion"])
        t = stratified_times(count, generator)[torch.randperm(count, generator=generator)].to(device)
        # The coarser a group of levels, the more of it is heard, and the more often it is trained.
        chances = 1 / torch.arange(1, len(self.level_groups) + 1)
        group = torch.multinomial(chances, count, replacement=True, generator=generator).to(device)
        active, known = group_stage(self.level_groups, group)
        frame_mask = torch.arange(codes.shape[2], device=device)[None] < batch["code_lengths"][:, None]
        corrupted = corrupt(
            codes, t, network.codebook_size, network.schedule, generator, active, known, frame_mask=frame_mask
        )
        keep = drop_conditions(count, generator).to(device) if self.training else None
        scores = network(corrupted.codes, t, conditions, corrupted.masked, keep, frame_mask)
        loss = diffusion_loss(scores, codes, corrupted, t, network.schedule, network.normalised)
        metrics = {f"level_{i:02d}": float(value) for i, value in enumerate(loss.cross_entropy) if i in (0, 1, 3, 7)}
        return loss.total, metrics | {"loss": float(loss.total.detach())}

    @torch.no_grad()
    def content(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """c_lip (B, T50, width), of what lips spell, or of tokens, some of them damaged and refilled."""
        self.language.eval()
        ids, lengths, spelled = batch["ids"], batch["lengths"], batch["spelled"]
        if self.training:
            damaged, where = damage(ids, lengths, self.language.size, 0, generator)
            refilled = self.language.refill(damaged.clamp_min(0), where, lengths, rounds=1)
            chosen = (torch.rand(len(ids), generator=generator) < DAMAGED).to(ids.device)
            ids = torch.where(chosen[:, None], refilled, ids)
        heard = functional.one_hot(ids, self.language.size).to(batch["weights"])
        return self.language.hidden(torch.where(spelled[:, None, None], batch["weights"], heard), lengths)


class DiffusionStage(Stage):
    """Style-DiT on every recording with sound."""

    name = "diffusion"
    objective: DiffusionObjective

    def __init__(
        self,
        config: Config,
        examples: list[Example],
        tokens: TokenTable,
        variants: TokenVariants,
        lips: LipTable,
        codes: CodeTable,
        language: TokenLanguageModel,
        codebooks: Tensor,
        recipe: Recipe = RECIPE,
    ) -> None:
        self.recipe, self.tokens, self.variants, self.lips, self.codes = recipe, tokens, variants, lips, codes
        network = StyleDiT(config.diffusion, config.codec, config.language.width)
        network.start_from(codebooks)
        self.objective = DiffusionObjective(network, language, config.diffusion.level_groups)
        self.parts = {"diffusion": network}
        self.mix = Mix(of_split(examples, "train"), SHARES)
        self.named = {(e.corpus, e.name): e for e in self.mix.examples}
        self.validation_set = of_split(examples, "validation")[::3]
        self.by_talker: dict[tuple[str, str], list[Example]] = defaultdict(list)
        for example in self.mix.examples:
            if example.content_of is None:
                self.by_talker[example.corpus, example.talker].append(example)

    def batch(self, rng: np.random.Generator) -> Batch:
        examples = self.mix.draw(BATCH, rng)
        voices, contents = [], []
        for example in examples:
            others = self.by_talker.get((example.corpus, example.talker), [example])
            voices.append(others[int(rng.integers(len(others)))] if rng.random() < OTHER_VOICE else example)
            content = example if example.content_of is None else self.named[example.content_of]
            contents.append(self._content(content, rng))
        return self._collate(examples, voices, contents, rng)

    def _content(self, example: Example, rng: np.random.Generator) -> Content:
        if example in self.lips and rng.random() < SPELLED:
            return self.lips.draw(example, rng)
        return self.variants.draw(example, rng) if rng.random() < BORROWED else self.tokens[example]

    def _collate(
        self,
        examples: list[Example],
        voices: list[Example],
        contents: list[Content],
        rng: np.random.Generator,
    ) -> Batch:
        network = self.objective.network
        per_picture = exact_ratio(network.frame_rate, VIDEO_FPS)
        tokens_long, codes_long = PICTURES * TOKENS_PER_VIDEO_FRAME, PICTURES * per_picture
        batch: Batch = {
            "codes": torch.zeros(len(examples), network.levels, codes_long, dtype=torch.int64),
            "code_lengths": torch.zeros(len(examples), dtype=torch.int64),
            "ids": torch.zeros(len(examples), tokens_long, dtype=torch.int64),
            "weights": torch.zeros(len(examples), tokens_long, self.objective.language.size),
            "spelled": torch.tensor([content.ndim == 2 for content in contents]),
            "lengths": torch.zeros(len(examples), dtype=torch.int64),
            "emotion": torch.zeros(len(examples), tokens_long, len(Emotion)),
            "voice": torch.stack([torch.from_numpy(v.voice["ge2e"]) for v in voices]),
            "seed": int(rng.integers(2**31)),
        }
        for row, example in enumerate(examples):
            codes, content = self.codes[example], contents[row]
            pictures = min(codes.shape[1] // per_picture, len(content) // TOKENS_PER_VIDEO_FRAME)
            start = int(rng.integers(max(1, pictures - PICTURES + 1)))
            said = content[start * TOKENS_PER_VIDEO_FRAME :][:tokens_long]
            piece = codes[:, start * per_picture :][:, :codes_long]
            batch["weights" if content.ndim == 2 else "ids"][row, : len(said)] = torch.from_numpy(said)
            batch["codes"][row, :, : piece.shape[1]] = torch.from_numpy(piece)
            batch["lengths"][row], batch["code_lengths"][row] = len(said), piece.shape[1]
            batch["emotion"][row] = emotion_weights(example)
        return batch

    def validate(self) -> Metrics:
        rng = np.random.default_rng(0)
        rows = []
        pairs: list[tuple[Example, Content]] = [(e, self.tokens[e]) for e in self.validation_set]
        pairs += [(e, self.lips.draw(e, rng)) for e in self.validation_set if e in self.lips]
        for start in range(0, len(pairs), BATCH):
            chosen = [example for example, _ in pairs[start : start + BATCH]]
            batch = self._collate(chosen, chosen, [content for _, content in pairs[start : start + BATCH]], rng)
            moved = {k: v.to(self.accelerator.device) if torch.is_tensor(v) else v for k, v in batch.items()}
            with self.accelerator.autocast():
                rows.append(self.objective(moved)[1])
        mean = {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}
        return mean | {"score": mean["loss"]}


def emotion_weights(example: Example) -> Tensor:
    """(8,) weight per `Emotion`: the label by its intensity, the rest neutral; without a label neutral."""
    weights = torch.zeros(len(Emotion))
    intensity = 1.0 if example.intensity is None else example.intensity
    weights[Emotion.NEUTRAL] = 1.0 - intensity
    weights[example.emotion if example.emotion is not None else Emotion.NEUTRAL] += intensity
    return weights
