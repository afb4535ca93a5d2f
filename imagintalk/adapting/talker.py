"""What a model has learnt of one talker: changed weights of the lip aligner and the talker's voice, in one small file.

    talker.safetensors    `voice` (256,) float32; `prompt.codes`, `prompt.ids` int16, a piece of the talker's speech;
                          `lips.<name>` half precision, in place of the aligner's own
                          label: format, model, the SHA-256 of the lips that it fits, how it was made

Ours; the paper knows no adaptation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imagintalk.errors import WeightsError
from imagintalk.lip.aligner import LipAligner
from imagintalk.media.files import whole_file
from imagintalk.style.identity import SPEAKER_WIDTH
from imagintalk.types import VoicePrompt

FORMAT = 1
_LABEL = "imagintalk-adapter"
_VOICE, _LIPS, _CODES, _IDS = "voice", "lips.", "prompt.codes", "prompt.ids"


@dataclass(frozen=True)
class TalkerFacts:
    """How an adapter was made."""

    model: str
    lips_sha256: str
    """Of the part of the model that it fits."""
    clips: int
    seconds: float
    """Of all clips together."""
    loss_before: float | None
    """Mean cross-entropy of the tokens on clips kept aside, before; None: too few clips to keep any aside."""
    loss_after: float | None
    program_version: str
    created: str
    """ISO 8601, UTC."""
    format: int = FORMAT


@dataclass(frozen=True)
class Talker:
    """An adapter in memory."""

    facts: TalkerFacts
    voice: NDArray[np.float32]
    """(256,) GE2E speaker embedding, unit length."""
    prompt: VoicePrompt
    lips: dict[str, Tensor] = field(default_factory=dict)
    """By the aligner's own names; empty where no change read the lips better."""
    sha256: str = ""
    """Of its file; empty while it has none."""

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises OutputError."""
        tensors = {_LIPS + name: tensor.to(torch.float16).contiguous() for name, tensor in self.lips.items()}
        tensors[_VOICE] = torch.from_numpy(self.voice)
        tensors[_CODES] = torch.from_numpy(self.prompt.codes.astype(np.int16, order="C"))
        tensors[_IDS] = torch.from_numpy(self.prompt.ids.astype(np.int16))
        content = save(tensors, metadata={_LABEL: json.dumps(asdict(self.facts), sort_keys=True)})
        with whole_file(path) as partial:
            partial.write_bytes(content)

    def apply(self, aligner: LipAligner, lips_sha256: str) -> None:
        """Put its weights into the aligner. lips_sha256: of the aligner's file.

        Raises WeightsError when it was made for other lips, or holds what the aligner has not.
        """
        if self.facts.lips_sha256 != lips_sha256:
            raise WeightsError(
                f"adapter: expected one made for lips {lips_sha256[:12]}, got one for {self.facts.lips_sha256[:12]} of"
                f" {self.facts.model}; make it again for this model with `imagintalk adapt`"
            )
        own = aligner.state_dict()
        wrong = [name for name, tensor in self.lips.items() if name not in own or own[name].shape != tensor.shape]
        if wrong:
            raise WeightsError(f"adapter: expected weights of the lip aligner, got {wrong[0]}; make it again")
        aligner.load_state_dict(own | self.lips)


def load_talker(path: Path) -> Talker:
    """Read an adapter's file. Raises WeightsError: missing, damaged, of another kind or format."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such adapter; expected a file made with `imagintalk adapt`")
    try:
        with safe_open(path, framework="pt") as file:
            label = json.loads((file.metadata() or {}).get(_LABEL, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = TalkerFacts(**label)
        voice = tensors.pop(_VOICE).numpy()
        prompt = VoicePrompt(*(tensors.pop(name).numpy().astype(np.int64) for name in (_CODES, _IDS)))
        strange = [name for name in tensors if not name.startswith(_LIPS)]
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{path}: expected a file made with `imagintalk adapt`, it is none ({error})") from None
    if facts.format != FORMAT:
        raise WeightsError(f"{path}: expected an adapter of format {FORMAT}, got {facts.format}; update the program")
    if strange or voice.shape != (SPEAKER_WIDTH,) or not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise WeightsError(
            f"{path}: expected a voice and weights of the lips, got {strange or voice.shape}; make it again"
        )
    lips = {name.removeprefix(_LIPS): tensor.float() for name, tensor in tensors.items()}
    return Talker(facts, voice.astype(np.float32), prompt, lips, hashlib.sha256(path.read_bytes()).hexdigest())
