"""The tokenizer that a config names."""

from __future__ import annotations

from pathlib import Path

from imagintalk.config import TokensConfig
from imagintalk.errors import ConfigError
from imagintalk.external import external_weights
from imagintalk.tokens.cepstra import Cepstra
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.tokens.phoneme import PhonemePosteriors, PhonemeTokenizer

KINDS = ("phoneme", "mfcc", "features", "hubert")


def build_tokenizer(config: TokensConfig, hubert: Path | None = None) -> KMeansTokenizer | PhonemeTokenizer:
    """An unfitted tokenizer; fit it (`fit.py`) or fill it from the weights store.

    hubert: folder of the HuBERT model, for that kind only; None: the fetched one. Raises ConfigError, WeightsError.
    """
    if config.size < 2:
        raise ConfigError(f"tokens.size: expected at least 2, got {config.size}")
    if config.kind == "phoneme":
        return PhonemeTokenizer(config.size)
    if config.kind == "mfcc":
        return KMeansTokenizer(Cepstra(), config.size)
    if config.kind == "features":
        return KMeansTokenizer(PhonemePosteriors(), config.size)
    if config.kind == "hubert":
        from imagintalk.tokens.hubert import HubertFeatures  # transformers takes seconds to import

        return KMeansTokenizer(HubertFeatures(hubert or external_weights("hubert")), config.size)
    raise ConfigError(f"tokens.kind: expected one of {', '.join(KINDS)}, got {config.kind!r}")
