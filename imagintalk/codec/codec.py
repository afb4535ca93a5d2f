"""The codec: speech <-> codes, 12 levels of residual vector quantisation in the paper's setting."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from encodec.modules import SEANetDecoder, SEANetEncoder
from torch import Tensor, nn

from imagintalk.codec.mel_imposing import impose_mel
from imagintalk.codec.quantizer import ResidualQuantizer
from imagintalk.codec.spectral_decoder import SpectralDecoder
from imagintalk.codec.spectral_encoder import SUBFRAMES, SpectralEncoder
from imagintalk.config import CodecConfig
from imagintalk.errors import ConfigError, WeightsError
from imagintalk.rates import SAMPLE_RATE, exact_ratio

BEAM = 8
"""Width of the search for codes behind a fitted encoder; EnCodec's own codes come level by level."""
ROUNDS = 6
"""Of `impose_mel` after the decoder: more bring ESTOI less than 0.01 and begin to sound rough (DNSMOS)."""


class Codec(nn.Module):
    """24 kHz mono speech <-> codes (batch, levels, frames) at the config's frame rate.

    With `seanet` at both ends the parameter names are EnCodec's, so that its published weights load unchanged.
    Raises ConfigError for an unknown end or strides that do not give the frame rate.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.hop = exact_ratio(SAMPLE_RATE, config.frame_rate)
        seanet = {
            "dimension": config.dimension,
            "n_filters": config.filters,
            "ratios": list(config.ratios),
            "causal": True,
            "norm": "weight_norm",
        }
        if "seanet" in (config.encoder, config.decoder) and math.prod(config.ratios) != self.hop:
            raise ConfigError(f"codec.ratios: expected a product of {self.hop} samples, got {config.ratios}")
        self.encoder = _end(
            "encoder",
            config.encoder,
            seanet=lambda: SEANetEncoder(**seanet),
            stft=lambda: SpectralEncoder(self.hop, config.dimension),
        )
        self.decoder = _end(
            "decoder",
            config.decoder,
            seanet=lambda: SEANetDecoder(**seanet),
            istft=lambda: SpectralDecoder(self.hop, config.dimension, config.width, config.decoder_layers),
        )
        self.quantizer = ResidualQuantizer(
            dimension=config.dimension, n_q=config.levels, bins=config.codebook_size, kmeans_iters=20
        )

    @torch.no_grad()
    def encode(self, samples: Tensor) -> Tensor:
        """Codes (batch, levels, frames) of samples (batch, N); N is filled up with silence to whole frames."""
        rest = -samples.shape[-1] % self.hop
        padded = nn.functional.pad(samples, (0, rest))
        return self.to_codes(self.encoder(padded[:, None]))

    def to_codes(self, latents: Tensor) -> Tensor:
        """Codes (batch, levels, frames) of latents (batch, dimension, frames)."""
        beam = BEAM if isinstance(self.encoder, SpectralEncoder) else 1
        return self.quantizer.to_codes(latents, self.config.levels, beam)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Samples (batch, frames * hop) of codes (batch, levels, frames)."""
        latents = self.quantizer.to_latents(codes)
        return self.finish(self.decoder(latents)[:, 0], latents, ROUNDS)

    def finish(self, samples: Tensor, latents: Tensor, rounds: int) -> Tensor:
        """The decoder's samples (batch, N) with the spectrum that latents name, where the encoder says which it is."""
        if not isinstance(self.encoder, SpectralEncoder):
            return samples
        mel = self.encoder.mel_of(latents)
        return impose_mel(samples, mel, self.encoder.mel, exact_ratio(self.hop, SUBFRAMES), rounds)

    def load_encodec(self, weights: dict[str, Tensor]) -> None:
        """Take EnCodec's published 24 kHz state dict. Raises WeightsError naming the keys that do not fit."""
        own = {key: value.shape for key, value in self.state_dict().items()}
        theirs = {key: value.shape for key, value in weights.items()}
        wrong = sorted(key for key in own.keys() | theirs.keys() if own.get(key) != theirs.get(key))
        if wrong:
            raise WeightsError(
                f"EnCodec weights: expected the layout of a codec with seanet at both ends, ratios 8 5 4 2 and "
                f"{self.config.levels} levels; {len(wrong)} entries differ, first {wrong[0]}"
            )
        self.load_state_dict(weights)


def _end(name: str, kind: str, **makers: Callable[[], nn.Module]) -> nn.Module:
    if kind not in makers:
        raise ConfigError(f"codec.{name}: expected one of {sorted(makers)}, got {kind!r}")
    return makers[kind]()
