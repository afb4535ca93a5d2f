"""Trains the concrete score network on recordings' own codes, tokens, voices and emotions (DESIGN section 2)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.codec.codec import Codec
from imagintalk.codec.spectral_encoder import SpectralEncoder
from imagintalk.config import Config
from imagintalk.data.cache import Example, of_split
from imagintalk.diffusion.conditions import Conditions, Prompt
from imagintalk.diffusion.corruption import corrupt, group_stage, stratified_times
from imagintalk.diffusion.dit import StyleDiT
from imagintalk.diffusion.guidance import drop_conditions
from imagintalk.diffusion.loss import diffusion_loss
from imagintalk.rates import TOKENS_PER_VIDEO_FRAME, VIDEO_FPS, exact_ratio
from imagintalk.refine.content import content_states
from imagintalk.refine.language import TokenLanguageModel
from imagintalk.refine.spans import corrupt as damage
from imagintalk.training.code_table import CodeTable
from imagintalk.training.expected import expected_latents
from imagintalk.training.lip_table import LipTable, Reading
from imagintalk.training.mix import Mix
from imagintalk.training.prompts import Piece, draw_pieces
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage
from imagintalk.training.token_table import TokenTable
from imagintalk.training.token_variants import TokenVariants
from imagintalk.training.voice_loss import VoiceLoss
from imagintalk.types import Emotion

RECIPE = Recipe(steps=6500, learning_rate=8e-4, warmup=200, ema_decay=0.998, validate_every=250)
BATCH = 8
PICTURES = 75
"""Video frames of a piece: three seconds. Tokens and codes begin and end with them, whatever the codec's rate."""
SHARES = {"grid": 1.4, "drawn": 0.3, "ravdess": 1.0, "speech": 0.7, "restyled": 1.2}
BORROWED = 0.5
"""Share of the clips whose tokens are those of other talkers (`TokenVariants`)."""
SPELLED = 0.75
"""Share of the clips with a picture whose content is what lips spell (`LipTable`)."""
DAMAGED = 0.25
"""Share of the others whose tokens are damaged and refilled, as they are after lips were read."""
OTHER_VOICE = 0.25
"""Share of the clips that take the voice of another recording of the same talker: always with its own the network would
learn the emotion from the voice and leave the asked one unheard; at 0.7 it hardly listened to the voice (cosine 0.52 to
recordings of unseen actors, where 0.25 gave 0.55; `small`, 10 of them)."""
PROMPTED = 0.6
"""Share of the batches whose clips hear a piece of their voice first (`Prompt`)."""
SOUND_WEIGHT, VOICE_WEIGHT = 20.0, 10.0
"""Of the squared error of the expected latents and of their `VoiceLoss`, beside 1 for the score entropy, which knows
entries of a codebook as right or wrong only."""
Content = NDArray[np.int64] | Reading
"""Token ids (T50,) of a recording, or what lips told."""


class DiffusionObjective(nn.Module):
    """Score network under the frozen language model."""

    codebooks: Tensor

    def __init__(
        self, network: StyleDiT, language: TokenLanguageModel, codec: Codec, level_groups: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.network = network
        self.language = language.requires_grad_(False)
        self.level_groups = level_groups
        self.voice = VoiceLoss(codec.encoder) if isinstance(codec.encoder, SpectralEncoder) else None
        self.register_buffer("codebooks", codec.quantizer.codebooks.detach().clone(), persistent=False)

    def forward(self, batch: Batch) -> tuple[Tensor, Metrics]:
        generator = torch.Generator().manual_seed(batch["seed"])
        codes, count = batch["codes"], len(batch["codes"])
        device, network = codes.device, self.network
        conditions = Conditions(self.content(batch, generator), batch["voice"], batch["emotion"], self.prompt(batch))
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
        expected, true = expected_latents(scores, codes, corrupted.masked, active, self.codebooks)
        missed = (expected - true)[frame_mask].square().sum(dim=1).mean()
        losses = {"entropy": loss.total, "sound": SOUND_WEIGHT * missed}
        if self.voice is not None:
            losses["voice"] = VOICE_WEIGHT * self.voice(expected, true, batch["code_lengths"])
        metrics = {f"level_{i:02d}": float(value) for i, value in enumerate(loss.cross_entropy) if i in (0, 1, 3, 7)}
        metrics |= {name: float(value.detach()) for name, value in losses.items()}
        return torch.stack(list(losses.values())).sum(), metrics

    @torch.no_grad()
    def content(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """c_lip (B, T50, content width), of what lips tell, or of tokens, some of them damaged and refilled."""
        self.language.eval()
        ids, lengths, spelled = batch["ids"], batch["lengths"], batch["spelled"]
        if self.training:
            damaged, where = damage(ids, lengths, self.language.size, 0, generator)
            refilled = self.language.refill(damaged.clamp_min(0), where, lengths, rounds=1)
            chosen = (torch.rand(len(ids), generator=generator) < DAMAGED).to(ids.device)
            ids = torch.where(chosen[:, None], refilled, ids)
        heard = functional.one_hot(ids, self.language.size).to(batch["weights"])
        weights = torch.where(spelled[:, None, None], batch["weights"], heard)
        return content_states(self.language, weights, lengths, batch["features"])

    @torch.no_grad()
    def prompt(self, batch: Batch) -> Prompt | None:
        """What each clip of the batch hears first."""
        if "prompt_codes" not in batch:
            return None
        ids = batch["prompt_ids"]
        lengths = torch.full((len(ids),), ids.shape[1], device=ids.device)
        lip = content_states(self.language, ids, lengths, batch["features"].shape[2])
        return Prompt(batch["prompt_codes"], lip, batch["prompt_emotion"])


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
        codec: Codec,
        recipe: Recipe = RECIPE,
    ) -> None:
        self.config = config
        self.recipe, self.tokens, self.variants, self.lips, self.codes = recipe, tokens, variants, lips, codes
        network = StyleDiT(config.diffusion, config.codec, config.content_width)
        network.start_from(codec.quantizer.codebooks)
        self.objective = DiffusionObjective(network, language, codec, config.diffusion.level_groups)
        self.parts = {"diffusion": network}
        self.per_picture = exact_ratio(network.frame_rate, VIDEO_FPS)
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
            contents.append(self._content(self._said(example), rng))
        pieces = draw_pieces(examples, voices, self._pictures, rng) if rng.random() < PROMPTED else []
        return self._collate(examples, voices, contents, pieces, rng)

    def _content(self, example: Example, rng: np.random.Generator) -> Content:
        if example in self.lips and rng.random() < SPELLED:
            return self.lips.draw(example, rng)
        return self.variants.draw(example, rng) if rng.random() < BORROWED else self.tokens[example]

    def _collate(
        self,
        examples: list[Example],
        voices: list[Example],
        contents: list[Content],
        pieces: list[Piece],
        rng: np.random.Generator,
    ) -> Batch:
        network = self.objective.network
        tokens_long, codes_long = PICTURES * TOKENS_PER_VIDEO_FRAME, PICTURES * self.per_picture
        batch: Batch = {
            "codes": torch.zeros(len(examples), network.levels, codes_long, dtype=torch.int64),
            "code_lengths": torch.zeros(len(examples), dtype=torch.int64),
            "ids": torch.zeros(len(examples), tokens_long, dtype=torch.int64),
            "weights": torch.zeros(len(examples), tokens_long, self.config.tokens.size),
            "features": torch.zeros(len(examples), tokens_long, self.config.lips.token_width),
            "spelled": torch.tensor([isinstance(content, Reading) for content in contents]),
            "lengths": torch.zeros(len(examples), dtype=torch.int64),
            "emotion": torch.zeros(len(examples), tokens_long, len(Emotion)),
            "voice": torch.stack([torch.from_numpy(v.voice["ge2e"]) for v in voices]),
            "seed": int(rng.integers(2**31)),
        }
        for row, example in enumerate(examples):
            pictures = self._pictures(example)
            first, last = pieces[row].rest(example, pictures) if pieces else (0, pictures)
            start = first + int(rng.integers(max(1, last - first - PICTURES + 1)))
            stop = min(last, start + PICTURES)
            codes, at50 = self._codes(example, start, stop), _at_50_hz(start, stop)
            content, length50 = contents[row], at50.stop - at50.start
            if isinstance(content, Reading):
                batch["weights"][row, :length50] = torch.from_numpy(content.weights[at50]).float()
                batch["features"][row, :length50] = torch.from_numpy(content.features[at50]).float()
            else:
                batch["ids"][row, :length50] = torch.from_numpy(content[at50])
            batch["codes"][row, :, : codes.shape[1]] = torch.from_numpy(codes)
            batch["lengths"][row], batch["code_lengths"][row] = length50, codes.shape[1]
            batch["emotion"][row] = emotion_weights(example)
        return batch | self._prompts(pieces)

    def _prompts(self, pieces: list[Piece]) -> Batch:
        """Codes, ids and emotion of what each clip hears first; nothing where none does."""
        if not pieces:
            return {}
        ids = [self.tokens[self._said(e)][_at_50_hz(start, stop)] for e, start, stop in pieces]
        emotions = [emotion_weights(e).expand(len(own), -1) for (e, _, _), own in zip(pieces, ids, strict=True)]
        return {
            "prompt_codes": torch.from_numpy(np.stack([self._codes(*piece) for piece in pieces])),
            "prompt_ids": torch.from_numpy(np.stack(ids)),
            "prompt_emotion": torch.stack(emotions),
        }

    def _said(self, example: Example) -> Example:
        """The recording whose content counts."""
        return example if example.content_of is None else self.named[example.content_of]

    def _pictures(self, example: Example) -> int:
        """How many video frames long both its codes and its tokens are."""
        codes, tokens = self.codes[example], self.tokens[self._said(example)]
        return min(codes.shape[1] // self.per_picture, len(tokens) // TOKENS_PER_VIDEO_FRAME)

    def _codes(self, example: Example, start: int, stop: int) -> NDArray[np.int64]:
        """(levels, codec frames) of video frames `start` to `stop`."""
        return self.codes[example][:, start * self.per_picture : stop * self.per_picture]

    def validate(self) -> Metrics:
        rng = np.random.default_rng(0)
        rows = []
        pairs: list[tuple[Example, Content]] = [(e, self.tokens[e]) for e in self.validation_set]
        pairs += [(e, self.lips.draw(e, rng)) for e in self.validation_set if e in self.lips]
        for start in range(0, len(pairs), BATCH):
            chosen = [example for example, _ in pairs[start : start + BATCH]]
            contents = [content for _, content in pairs[start : start + BATCH]]
            batch = self._collate(chosen, chosen, contents, [], rng)
            moved = {k: v.to(self.accelerator.device) if torch.is_tensor(v) else v for k, v in batch.items()}
            with self.accelerator.autocast():
                rows.append(self.objective(moved)[1])
        mean = {name: float(np.nanmean([row[name] for row in rows])) for name in rows[0]}
        return mean | {"score": mean["entropy"] + mean["sound"] + mean.get("voice", 0.0)}


def _at_50_hz(start: int, stop: int) -> slice:
    """Token frames of video frames `start` to `stop`."""
    return slice(start * TOKENS_PER_VIDEO_FRAME, stop * TOKENS_PER_VIDEO_FRAME)


def emotion_weights(example: Example) -> Tensor:
    """(8,) weight per `Emotion`: the label by its intensity, the rest neutral; without a label neutral."""
    weights = torch.zeros(len(Emotion))
    intensity = 1.0 if example.intensity is None else example.intensity
    weights[Emotion.NEUTRAL] = 1.0 - intensity
    weights[example.emotion if example.emotion is not None else Emotion.NEUTRAL] += intensity
    return weights
