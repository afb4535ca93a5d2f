"""Trains the codec: codebooks from a warm start, spectra and pitch, an adversary at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from imagintalk.codec.balancer import Balancer
from imagintalk.codec.codec import ROUNDS, Codec
from imagintalk.codec.envelope_loss import EnvelopeLoss
from imagintalk.codec.losses import (
    SpectralLoss,
    adversary_loss,
    deceiving_loss,
    discriminator,
    feature_loss,
    prosody_loss,
)
from imagintalk.codec.spectral_decoder import SUBFRAMES, SpectralDecoder
from imagintalk.codec.spectral_encoder import SpectralEncoder
from imagintalk.config import CodecConfig
from imagintalk.data.cache import Example, of_split
from imagintalk.rates import exact_ratio
from imagintalk.training.average import WeightAverage
from imagintalk.training.stage import Batch, Metrics, Recipe, Stage

RECIPE = Recipe(steps=1200, learning_rate=6e-4, warmup=100, ema_decay=0.995, validate_every=250)
BATCH, SEGMENT_FRAMES = 12, 60
QUANTIZE_FROM = 0.1
"""Share of the steps without codebooks when the encoder is learnt: they start from latents that mean something."""
ADVERSARY_FROM = 0.9
"""Share of the steps without the adversary, which costs more than everything else."""
POOL = 800
"""Whole recordings that the codebooks, and an encoder that is fitted, start from."""
GAIN_DB = 6.0
"""Either way, at random."""
TRAINED_ROUNDS = 1
"""Of the codec's `finish` that the losses go through: the decoder learns what it cannot mend."""
WEIGHTS = {"spectral": 3.0, "envelope": 1.0, "deceive": 0.5, "features": 1.0}


class CodecObjective(nn.Module):
    """Codec and its spectral losses."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec
        self.spectral = SpectralLoss()
        self.envelope = EnvelopeLoss()

    def forward(self, batch: Batch, levels: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Generated samples (batch, 1, N) and the losses that do not go through them."""
        latents = self.codec.encoder(batch["samples"][:, None]).float()
        losses: dict[str, Tensor] = {}
        if levels:
            quantized = self.codec.quantizer.quantize(latents, levels)
            latents, losses["commitment"] = quantized.latents, quantized.commitment
        decoder = self.codec.decoder
        if not isinstance(decoder, SpectralDecoder):
            return decoder(latents), losses
        filters, prosody = decoder.read(latents)
        pitch = batch["pitch"]
        losses["prosody"] = prosody_loss(prosody, pitch, torch.ones_like(pitch, dtype=torch.bool))
        # The recording's own pitch drives the pulses, so that spectra are compared harmonic by harmonic.
        steady = torch.where(pitch > 0, pitch, prosody.pitch_hz.detach())
        sound = decoder.render(filters, steady, (pitch > 0).float())[:, 0]
        return self.codec.finish(sound, latents, TRAINED_ROUNDS)[:, None], losses


class CodecStage(Stage):
    """12-level codec on every recording with sound."""

    name = "codec"
    objective: CodecObjective

    def __init__(self, config: CodecConfig, examples: list[Example], recipe: Recipe = RECIPE) -> None:
        self.recipe = recipe
        self.codec = Codec(config)
        self.objective = CodecObjective(self.codec)
        self.parts = {"codec": self.codec}
        self.adversary = discriminator(config.discriminator_filters)
        self.fitted = isinstance(self.codec.encoder, SpectralEncoder)
        """The encoder is fitted once, and so are the codebooks: only the decoder learns by gradient."""
        self.quantize_from = 0 if self.fitted else int(QUANTIZE_FROM * recipe.steps)
        self.adversary_from = int(ADVERSARY_FROM * recipe.steps)
        self.balancer = Balancer(WEIGHTS, reference="spectral")
        long_enough = SEGMENT_FRAMES * self.codec.hop
        self.train_set = [e for e in of_split(examples, "train") if len(e.sound["samples"]) >= long_enough]
        corpora = [e.corpus for e in self.train_set]
        # Each corpus alike, whatever its size, GRID talkers included.
        chances = np.array([1 / corpora.count(corpus) for corpus in corpora])
        self.chances = chances / chances.sum()
        self.validation_set = of_split(examples, "validation")[::6]

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen = rng.choice(len(self.train_set), BATCH, p=self.chances)
        return _segments([self.train_set[i] for i in chosen], self.codec.hop, rng)

    def prepare(self, accelerator: Accelerator) -> None:
        super().prepare(accelerator)
        self.adversary.to(accelerator.device)
        optimizer = torch.optim.AdamW(self.adversary.parameters(), lr=self.recipe.learning_rate, betas=(0.5, 0.9))
        self.wrapped_adversary, self.adversary_optimizer = accelerator.prepare(self.adversary, optimizer)

    def optimizers(self) -> list[torch.optim.Optimizer]:
        return [self.optimizer, self.adversary_optimizer]

    def extra_state(self) -> dict[str, Any]:
        return {"adversary": self.adversary.state_dict(), "balancer": self.balancer.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self.adversary.load_state_dict(state["adversary"])
        self.balancer.load_state_dict(state["balancer"])

    def before_step(self, step: int, average: WeightAverage) -> None:
        if step == self.quantize_from:
            self._start_codebooks()
            average.restart()

    def update(self, batch: Batch, step: int) -> Metrics:
        levels = 0
        if step >= self.quantize_from:
            all_levels = self.codec.config.levels
            levels = all_levels if torch.rand(()) < 0.5 else int(torch.randint(1, all_levels + 1, ()))
        self.wrapped.train()
        if self.fitted:
            self.codec.quantizer.eval()
        with self.accelerator.autocast():
            generated, losses = self.wrapped(batch, levels)
        sound = generated.float()
        through = {
            "spectral": self.objective.spectral(sound[:, 0], batch["samples"]),
            "envelope": self.objective.envelope(sound[:, 0], batch["samples"]),
        }
        metrics = {name: float(loss) for name, loss in (losses | through).items()}
        if step >= self.adversary_from:
            through |= self._adversary_step(sound, batch["samples"][:, None], metrics)
        gradient = self.balancer.gradient(through, sound)
        direct = sum((loss for loss in losses.values()), torch.zeros((), device=sound.device))
        # One backward pass: the balanced gradient enters at the sound, the other losses at their own places.
        self.descend((sound * gradient).sum() + direct, self.optimizer, self.objective)
        return metrics

    def _adversary_step(self, sound: Tensor, true: Tensor, metrics: Metrics) -> dict[str, Tensor]:
        with self.accelerator.autocast():
            real, _ = self.wrapped_adversary(true)
            fake, _ = self.wrapped_adversary(sound.detach())
            loss = adversary_loss(real, fake)
        metrics["adversary"] = float(loss)
        self.descend(loss, self.adversary_optimizer, self.adversary)
        with self.accelerator.autocast():
            with torch.no_grad():
                _, real_maps = self.wrapped_adversary(true)
            fake, fake_maps = self.wrapped_adversary(sound)
            losses = {"deceive": deceiving_loss(fake).float(), "features": feature_loss(real_maps, fake_maps).float()}
        metrics.update({name: float(value) for name, value in losses.items()})
        return losses

    @torch.no_grad()
    def _start_codebooks(self) -> None:
        """Fit an encoder that is fitted, and start the codebooks, on whole recordings."""
        rng = np.random.default_rng(0)
        device = self.accelerator.device
        chosen = [self.train_set[i] for i in rng.choice(len(self.train_set), POOL, p=self.chances)]
        self.codec.eval()
        sounds = [torch.from_numpy(e.samples) * _gain(rng) for e in chosen]
        if isinstance(self.codec.encoder, SpectralEncoder):
            self.codec.encoder.fit(sound.to(device) for sound in sounds)
        latents = [self.codec.encoder(sound.to(device)[None, None])[0] for sound in sounds]
        self.codec.quantizer.start(torch.cat(latents, dim=1).T.float())

    def validate(self) -> Metrics:
        losses, envelopes = [], []
        started = bool(self.codec.quantizer.vq.layers[0]._codebook.inited)
        for example in self.validation_set:
            samples = torch.from_numpy(example.samples).to(self.accelerator.device)[None]
            latents = self.codec.encoder(samples[:, None])
            if started:
                latents = self.codec.quantizer.to_latents(self.codec.to_codes(latents))
            sound = self.codec.finish(self.codec.decoder(latents)[:, 0], latents, ROUNDS)
            losses.append(float(self.objective.spectral(sound, samples)))
            envelopes.append(float(self.objective.envelope(sound, samples)))
        # Without codebooks the figure is lower and means nothing: never the best.
        mean = {"spectral": float(np.mean(losses)), "envelope": float(np.mean(envelopes))}
        return mean | {"score": sum(mean.values()) if started else 1e9}


def _gain(rng: np.random.Generator) -> float:
    """A random level: recordings come as loud as they come."""
    return float(10.0 ** (rng.uniform(-GAIN_DB, GAIN_DB) / 20))


def _segments(examples: list[Example], hop: int, rng: np.random.Generator) -> Batch:
    """samples (batch, N) in [-1, 1]; pitch (batch, subframes) Hz: a random stretch of each, at a random level."""
    samples, pitch = [], []
    sub = exact_ratio(hop, SUBFRAMES)
    for example in examples:
        frames = len(example.sound["samples"]) // hop
        start = int(rng.integers(frames - SEGMENT_FRAMES + 1))
        piece = example.samples[start * hop : (start + SEGMENT_FRAMES) * hop]
        samples.append(torch.from_numpy(piece) * _gain(rng))
        first = start * hop // sub
        pitch.append(torch.from_numpy(example.sound["pitch"][first : first + SEGMENT_FRAMES * hop // sub]))
    return {"samples": torch.stack(samples), "pitch": torch.stack(pitch)}
