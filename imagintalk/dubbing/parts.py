"""The networks of one model, loaded for dubbing."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import torch
from torch import nn

from imagintalk.adapting.talker import Talker
from imagintalk.codec.codec import Codec
from imagintalk.diffusion.dit import StyleDiT
from imagintalk.face.expression import ExpressionBackend, expression_backend
from imagintalk.face.identity import IdentityBackend, identity_backend
from imagintalk.lip.aligner import LipAligner
from imagintalk.lip.detector import ErrorDetector
from imagintalk.models import ModelStore
from imagintalk.refine.language import TokenLanguageModel
from imagintalk.style.identity import IdentityAdapter
from imagintalk.style.speaker import SpeakerEncoder
from imagintalk.style.voices import Preset, load_presets
from imagintalk.tokens.build import build_tokenizer
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.tokens.phoneme import PhonemeTokenizer

Module = TypeVar("Module", bound=nn.Module)


class Parts:
    """Trained parts in evaluation mode on one device. Backends of the face and the voice are loaded when first used."""

    def __init__(self, store: ModelStore, device: torch.device, talker: Talker | None = None) -> None:
        """talker: what was learnt of the one who speaks. Raises WeightsError: missing, corrupt, or does not fit."""
        config = store.config
        self.config, self.device, self.talker, self._store = config, device, talker, store
        self.aligner, self.detector = LipAligner(config.lips, config.tokens), ErrorDetector(config.lips)
        self._load("lips", nn.ModuleDict({"aligner": self.aligner, "detector": self.detector}))
        if talker is not None:
            talker.apply(self.aligner, store.part_sha256("lips"))
        self.language = self._load("language", TokenLanguageModel(config.language, config.tokens))
        self.adapter = self._load("style", IdentityAdapter(config.style))
        self.diffusion = self._load("diffusion", StyleDiT(config.diffusion, config.codec, config.content_width))
        self.codec = self._load("codec", Codec(config.codec))

    def _load(self, part: str, module: Module) -> Module:
        self._store.load_part(part, module)
        return module.eval().requires_grad_(False).to(self.device)

    @cached_property
    def tokenizer(self) -> KMeansTokenizer | PhonemeTokenizer:
        return self._load("tokens", build_tokenizer(self.config.tokens))

    @cached_property
    def identity(self) -> IdentityBackend:
        return identity_backend(self.config.style.identity)

    @cached_property
    def expression(self) -> ExpressionBackend:
        return expression_backend(self.config.style.expression)

    @cached_property
    def speaker(self) -> SpeakerEncoder:
        return SpeakerEncoder(str(self.device))

    @cached_property
    def presets(self) -> dict[str, Preset]:
        return load_presets(self._store.folder)
