"""RoBERTa over content tokens: refills misaligned ones, and its hidden states are c_lip.

Refilling by masked language modelling, the hidden states as c_lip and its being frozen while dubbing are the paper's
(arXiv 2503.14928); sizes, span masking, refilling in rounds and windows are our choices.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from transformers import RobertaConfig, RobertaForMaskedLM

from imagintalk.config import LanguageConfig, TokensConfig
from imagintalk.refine.spans import corrupt

# RoBERTa's own order: content token k has id k + SPECIALS.
BOS, PAD, EOS, MASK, SPECIALS = 0, 1, 2, 3, 4
LAST_LAYER = slice(-1, None)
ROUNDS = 4
"""Of a refill: more of them agree better with each other and cost a pass each."""
INTACT_WEIGHT = 0.5
"""Of the loss over frames that were neither masked nor replaced."""


class TokenLanguageModel(nn.Module):
    """transformers' RobertaForMaskedLM over (B, T50) content tokens, 50 Hz, ids 0 .. size - 1, int64.

    `lengths` (B,) counts real frames; padding may hold any id and never changes a real frame in eval mode.
    """

    def __init__(self, config: LanguageConfig, tokens: TokensConfig) -> None:
        super().__init__()
        self.size = tokens.size
        self.max_frames = config.max_frames
        # RoBERTa numbers positions from padding_idx + 1; <bos> and <eos> take one each.
        roberta = RobertaConfig(
            vocab_size=tokens.size + SPECIALS,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.feed_forward,
            max_position_embeddings=config.max_frames + 2 + PAD + 1,
            type_vocab_size=1,
            bos_token_id=BOS,
            pad_token_id=PAD,
            eos_token_id=EOS,
            attn_implementation="sdpa",  # type: ignore[call-arg]
        )
        self.roberta = RobertaForMaskedLM(roberta)

    def loss(self, tokens: Tensor, lengths: Tensor, generator: Generator) -> Tensor:
        """Mean cross-entropy over masked and replaced frames, plus a share of that over intact ones, scalar.

        Without the latter (ours) the last states forget which token an intact frame holds, and c_lip with them.
        `generator` is a CPU generator.
        """
        damaged, where = corrupt(tokens, lengths, self.size, MASK - SPECIALS, generator)
        # Clips of three seconds would never train the later positions: put each anywhere.
        room = max(0, self.max_frames - tokens.shape[1])
        offsets = torch.randint(0, room + 1, (len(tokens),), generator=generator).to(tokens.device)
        logits = self._logits(self._encode(damaged, lengths, offsets)).float()
        intact = (torch.arange(tokens.shape[1], device=tokens.device)[None] < lengths[:, None]) & ~where
        return _mean_cross_entropy(logits, tokens, where) + INTACT_WEIGHT * _mean_cross_entropy(logits, tokens, intact)

    @torch.no_grad()
    def refill(self, tokens: Tensor, masked: Tensor, lengths: Tensor, rounds: int = ROUNDS) -> Tensor:
        """Tokens and masked (B, T50) -> tokens whose masked frames are filled in; the others never change.

        Each round settles the most confident share of the frames still open, so that later ones agree with them.
        """
        filled, still_open = tokens.masked_fill(masked, MASK - SPECIALS), masked
        for left in range(rounds, 0, -1):
            if not still_open.any():
                break
            best = self._logits(self._encode(filled, lengths)).float().softmax(-1).max(-1)
            rank = best.values.masked_fill(~still_open, -1.0).argsort(1, descending=True).argsort(1)
            settled = still_open & (rank < (still_open.sum(1, keepdim=True) / left).ceil())
            filled = torch.where(settled, best.indices, filled)
            still_open = still_open & ~settled
        return filled

    def hidden(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """c_lip (B, T50, width) float32, zero where padded: the mean of the hidden states of all layers.

        tokens: (B, T50) ids, or (B, T50, size) how much each token weighs at a frame, rows that sum to 1: lips seldom
        tell one token for sure, and what else it could be is content too (ours).
        Ours: the last layer alone knows what could stand at a frame better than which token does, and content is both.
        Pass the refilled tokens: the states of <mask> would hide from the diffusion what the refill decided.
        """
        states = self._encode(tokens, lengths, layers=slice(None)).float()
        valid = torch.arange(tokens.shape[1], device=tokens.device)[None] < lengths[:, None]
        return states * valid[..., None]

    def _logits(self, states: Tensor) -> Tensor:
        """(..., width) -> (..., size), content tokens only."""
        return self.roberta.lm_head(states)[..., SPECIALS:]

    def _encode(
        self, tokens: Tensor, lengths: Tensor, offsets: Tensor | None = None, layers: slice = LAST_LAYER
    ) -> Tensor:
        """Ids (B, T50) or weights (B, T50, size) -> (B, T50, width), the mean over `layers`.

        Longer than `max_frames`: half-overlapping windows, each giving its middle.
        """
        frames = tokens.shape[1]
        if frames <= self.max_frames:
            return self._encode_window(tokens, lengths, offsets, layers)
        pieces, step = [], self.max_frames // 2
        starts = [*range(0, frames - self.max_frames, step), frames - self.max_frames]
        for number, start in enumerate(starts):
            window = slice(start, start + self.max_frames)
            states = self._encode_window(tokens[:, window], (lengths - start).clamp(0, self.max_frames), None, layers)
            # Neighbours meet in the middle of their overlap.
            first = 0 if number == 0 else (starts[number - 1] + self.max_frames + start) // 2
            last = frames if start == starts[-1] else (start + self.max_frames + starts[number + 1]) // 2
            pieces.append(states[:, first - start : last - start])
        return torch.cat(pieces, dim=1)

    def _encode_window(self, tokens: Tensor, lengths: Tensor, offsets: Tensor | None, layers: slice) -> Tensor:
        batch, frames = tokens.shape[:2]
        place = torch.arange(-1, frames + 1, device=tokens.device)[None]
        table = self.roberta.roberta.embeddings.word_embeddings.weight
        words = tokens @ table[SPECIALS:] if tokens.is_floating_point() else table[tokens + SPECIALS]
        words = functional.pad(words, (0, 0, 1, 1))
        for special, where in ((BOS, place < 0), (EOS, place == lengths[:, None]), (PAD, place > lengths[:, None])):
            words = torch.where(where[..., None], table[special], words)
        positions = (place + 1 + PAD + 1).expand(batch, -1)
        if offsets is not None:
            positions = positions + offsets[:, None]
        output = self.roberta.roberta(
            inputs_embeds=words,
            attention_mask=place <= lengths[:, None],
            position_ids=positions,
            output_hidden_states=True,
        )
        return torch.stack(output.hidden_states[layers]).mean(dim=0)[:, 1:-1]


def _mean_cross_entropy(logits: Tensor, tokens: Tensor, where: Tensor) -> Tensor:
    """Logits (B, T50, size), tokens and where (B, T50) -> scalar, 0 where there is no frame."""
    total = functional.cross_entropy(logits[where], tokens[where], reduction="sum")
    return total / where.sum().clamp(min=1)
