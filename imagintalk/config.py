"""Configs: frozen options in the program, YAML only at the edge. An unknown or missing key is an error."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from imagintalk.errors import ConfigError

CONFIG_FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class TokensConfig:
    """Content tokens, 50 Hz."""

    kind: str
    """`phoneme` (phoneme posteriors), `mfcc`, `features` (k-means over them) or `hubert`."""
    size: int
    """Vocabulary without the special tokens."""


@dataclass(frozen=True)
class CodecConfig:
    """RVQ codec. `seanet` on both ends with ratios 8 5 4 2, dimension 128 and 32 levels is EnCodec 24 kHz."""

    encoder: str
    """`seanet` or `stft`."""
    decoder: str
    """`seanet` or `istft`."""
    frame_rate: int
    """Codec frames per second."""
    levels: int
    codebook_size: int
    dimension: int
    ratios: tuple[int, ...]
    """SEANet strides; their product is the hop in samples."""
    filters: int
    """SEANet channels at full rate."""
    width: int
    """Channels of the inverse-STFT decoder."""
    decoder_layers: int
    """Blocks of the inverse-STFT decoder."""
    discriminator_filters: int


@dataclass(frozen=True)
class LipsConfig:
    """Lip aligner and error detector."""

    crop: int
    """Side in pixels of the square cut from the 96 x 96 mouth crop."""
    input: int
    """Side in pixels that the crop is averaged down to."""
    stem_channels: int
    resnet_channels: tuple[int, int, int, int]
    resnet_blocks: tuple[int, int, int, int]
    width: int
    layers: int
    heads: int
    convolution_kernel: int
    token_width: int
    """Size of the token embedding that lip features are compared with."""
    temperature: float
    dropout: float
    detector_width: int


@dataclass(frozen=True)
class LanguageConfig:
    """RoBERTa over content tokens."""

    width: int
    """Also the size of c_lip."""
    layers: int
    heads: int
    feed_forward: int
    max_frames: int
    """Longest input in frames at 50 Hz."""


@dataclass(frozen=True)
class StyleConfig:
    """Identity adapter."""

    identity: str
    """Face identity backend: `dlib` or `arcface-facenet`."""
    identity_width: int
    """Size of that backend's vector."""
    hidden: int
    expression: str
    """Expression backend: `fer` or `poster2`."""


@dataclass(frozen=True)
class Guidance:
    """log s = log s_null + joint (log s_all - log s_null) + sum of weight (log s_one - log s_null).

    `joint` alone costs one pass at 1 (no guidance) and two elsewhere; each other weight that is not 0 adds a pass.
    """

    joint: float = 1.0
    lip: float = 0.0
    identity: float = 0.0
    emotion: float = 0.0

    def passes(self) -> tuple[tuple[float, tuple[bool, bool, bool]], ...]:
        """The passes needed: the factor of each log-score, and which conditions it keeps. Factors add up to 1."""
        singles = (self.lip, self.identity, self.emotion)
        planned = [(self.joint, (True, True, True)), (1 - self.joint - sum(singles), (False, False, False))]
        for index, weight in enumerate(singles):
            planned.append((weight, (index == 0, index == 1, index == 2)))
        return tuple((factor, keep) for factor, keep in planned if factor != 0)


@dataclass(frozen=True)
class DiffusionConfig:
    """Style-DiT and its sampler."""

    width: int
    layers: int
    heads: int
    mlp_ratio: int
    condition_width: int
    """Size of c_id, c_emo and t after their projections."""
    normalised: bool
    """True: the score is softmax x r; False: free log-scores, as SEDD writes them."""
    steps: int
    sampler: str
    """`euler`, `analytic`, `confidence`, `halton` or `remasking`."""
    guidance: Guidance
    temperature: float
    level_groups: tuple[int, ...]
    """Sizes of consecutive groups of RVQ levels, coarse first, sampled one after another; one group: all at once."""
    window_frames: int
    """Longest stretch sampled at once, in frames at 50 Hz; longer clips continue window by window."""


@dataclass(frozen=True)
class DetectorConfig:
    """When a token counts as misaligned."""

    mode: str
    """`fixed`: similarity below `threshold`; `adaptive`: the lowest `fraction` of the clip."""
    threshold: float
    """The paper's value is 0.9."""
    fraction: float


@dataclass(frozen=True)
class Config:
    """All sizes of one model."""

    name: str
    tokens: TokensConfig
    codec: CodecConfig
    lips: LipsConfig
    detector: DetectorConfig
    language: LanguageConfig
    style: StyleConfig
    diffusion: DiffusionConfig

    @property
    def content_width(self) -> int:
        """Channels of c_lip: the language model's states and the lip features beside them."""
        return self.language.width + self.lips.token_width


T = TypeVar("T")


def _build(kind: type[T], values: Any, where: str) -> T:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected keys and values, got {type(values).__name__}")
    types = get_type_hints(kind)
    names = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown, missing = set(values) - names, names - set(values)
    if unknown or missing:
        raise ConfigError(
            f"{where}: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}; expected {sorted(names)}"
        )
    built: dict[str, Any] = {}
    for name, value in values.items():
        wanted = types[name]
        if dataclasses.is_dataclass(wanted):
            built[name] = _build(wanted, value, f"{where}.{name}")  # type: ignore[arg-type]
        elif isinstance(value, list):
            built[name] = tuple(value)
        elif wanted is float and isinstance(value, int) and not isinstance(value, bool):
            built[name] = float(value)
        elif isinstance(wanted, type) and not (
            isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool)
        ):
            raise ConfigError(f"{where}.{name}: expected {wanted.__name__}, got {value!r}")
        else:
            built[name] = value
    return kind(**built)


def config_from_dict(values: dict[str, Any], where: str = "config") -> Config:
    """Build a Config. Raises ConfigError naming unknown, missing or wrongly typed keys."""
    return _build(Config, values, where)


def load_config(name_or_path: str | Path) -> Config:
    """Load `tiny`, `small`, `paper` or a YAML file. Raises ConfigError."""
    path = CONFIG_FOLDER / f"{name_or_path}.yaml"
    if not path.exists():
        path = Path(name_or_path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in CONFIG_FOLDER.glob("*.yaml")))
        raise ConfigError(f"{name_or_path}: no such config; expected one of {known} or a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ConfigError(f"{path}: expected a YAML file: {error}") from None
    return config_from_dict(values, str(path))


def config_to_dict(config: Config) -> dict[str, Any]:
    """The config as plain values that `config_from_dict` takes back."""
    return dataclasses.asdict(config)


def sizes_of(config: Config) -> Config:
    """The config with all that may be set anew after training taken out; weights fit where these agree."""
    detector = DetectorConfig(mode="", threshold=0.0, fraction=0.0)
    diffusion = dataclasses.replace(
        config.diffusion, steps=0, sampler="", guidance=Guidance(), temperature=0.0, window_frames=0
    )
    return dataclasses.replace(config, detector=detector, diffusion=diffusion)
