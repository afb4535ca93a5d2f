"""What the parent knows of a model without loading it, or torch: from the files that lie beside the weights."""

from __future__ import annotations

import json
from dataclasses import dataclass

from imagintalk.emotions import Emotion
from imagintalk.errors import WeightsError
from imagintalk.models import DEFAULT_MODEL, ModelStore, find_model

_VOICES = "voices.json"


@dataclass(frozen=True)
class ModelCard:
    """What clients are told, and what results depend on."""

    name: str
    sha256: str
    emotions: tuple[str, ...]
    voices: tuple[str, ...]


def read_card(model: str | None) -> ModelCard:
    """model: name or folder; None: the embedded one. Raises WeightsError."""
    store = ModelStore(find_model(model or DEFAULT_MODEL))
    path = store.folder / _VOICES
    try:
        presets = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        voices = tuple(str(preset["name"]) for preset in presets)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{path}: expected a list of voices ({error!r}); install the model again") from None
    return ModelCard(store.name, store.sha256, tuple(emotion.word for emotion in Emotion), voices)
