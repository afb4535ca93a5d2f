"""HuBERT's hidden states (Hsu et al. 2021, arXiv 2106.07447), from a folder as transformers saves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import HubertModel

from imagintalk.errors import WeightsError
from imagintalk.tokens.tokenizer import EAR_SAMPLES_PER_TOKEN, frame_count

_RECEPTIVE_FIELD = 400
"""Samples that one frame of its convolutions sees; they advance by 320."""
_LAYER = 9
"""○ Ours: of the twelve layers of the base model, among those richest in phones."""


class HubertFeatures:
    """(T50, hidden size) of one layer. Raises WeightsError when the folder holds no HuBERT."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise WeightsError(
                f"{folder}: expected a HuBERT model (config.json and weights), found none;"
                " get it with `imagintalk models pull hubert`"
            )
        try:
            self._model = HubertModel.from_pretrained(folder, local_files_only=True).requires_grad_(False)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(
                f"{folder}: expected a HuBERT model that transformers reads: {reason};"
                " get it again with `imagintalk models pull hubert`"
            ) from None
        self._model.train(False)
        self._layer = min(_LAYER, self._model.config.num_hidden_layers)
        self.width = int(self._model.config.hidden_size)
        self.projected = min(self.width, 128)

    @torch.no_grad()
    def __call__(self, samples: NDArray[np.float32]) -> torch.Tensor:
        # Zero mean and unit variance is what its own feature extractor gives it.
        sound = torch.from_numpy(samples) / (samples.std() + 1e-7)
        left = (_RECEPTIVE_FIELD - EAR_SAMPLES_PER_TOKEN) // 2
        needed = (frame_count(len(samples)) - 1) * EAR_SAMPLES_PER_TOKEN + _RECEPTIVE_FIELD
        sound = torch.nn.functional.pad(sound, (left, max(0, needed - left - len(sound))))[:needed]
        state: torch.Tensor = self._model(sound[None], output_hidden_states=True).hidden_states[self._layer]
        return state[0]
