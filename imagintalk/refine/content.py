"""c_lip: what is spoken, as the score network is told it."""

from __future__ import annotations

import torch
from torch import Tensor

from imagintalk.refine.language import TokenLanguageModel


def content_states(language: TokenLanguageModel, tokens: Tensor, lengths: Tensor, features: Tensor | int) -> Tensor:
    """c_lip (B, T50, width + token_width) float32, 50 Hz, zero where padded.

    The paper's are RoBERTa's hidden states alone (arXiv 2503.14928). Beside them ours has the lip features that the
    tokens were read from: they tell the sound's envelope more finely than a vocabulary of tokens can.
    tokens, lengths: as in `TokenLanguageModel.hidden`. features: (B, T50, token_width) of lips, or, of a recording that
    has no lips, token_width alone: zeros, as they are where no picture was.
    """
    states = language.hidden(tokens, lengths)
    if isinstance(features, int):
        features = states.new_zeros(*states.shape[:2], features)
    valid = torch.arange(states.shape[1], device=states.device)[None] < lengths[:, None]
    return torch.cat([states, features * valid[..., None]], dim=-1)
