"""Style-DiT: scores codes from masked codes, lips, identity and emotion (paper, architecture figure)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagintalk.config import CodecConfig, DiffusionConfig
from imagintalk.diffusion.adaln import DualAdaLnBlock, rotary_angles
from imagintalk.diffusion.conditions import Conditions, at_codec_rate
from imagintalk.diffusion.embedding import MaskedFeature, project_codebooks
from imagintalk.diffusion.schedule import LogLinearSchedule
from imagintalk.errors import ConfigError
from imagintalk.types import Emotion

IDENTITY_WIDTH = 256
"""Size of a GE2E speaker embedding."""
TIME_FREQUENCIES = 64


class TimeEmbedding(nn.Module):
    """t in [0, 1] as sines and cosines, then an MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * TIME_FREQUENCIES, width)
        self.last = nn.Linear(width, width)

    def forward(self, t: Tensor) -> Tensor:
        """t: (batch,). Returns (batch, width)."""
        frequency = 10_000.0 ** (-torch.arange(TIME_FREQUENCIES, device=t.device) / TIME_FREQUENCIES)
        angle = 1000.0 * t.float()[:, None] * frequency
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)
        embedded: Tensor = self.last(functional.silu(self.first(waves.to(self.first.weight.dtype))))
        return embedded


class StyleDiT(nn.Module):
    """Linear(concat[m_t, c_lip]), N Dual-adaLN blocks, one linear head per RVQ level.

    Ours: sizes, rotary positions, m_t as wide as the codec's latent, the conditions added to t before their MLPs, and
    a learned null vector per condition for guidance. Emotion is a weighted mean of eight embeddings: intensity mixes.
    Raises ConfigError if the heads do not divide the width into even parts.
    """

    def __init__(self, config: DiffusionConfig, codec: CodecConfig, lip_width: int) -> None:
        super().__init__()
        if config.width % (2 * config.heads):
            raise ConfigError(f"diffusion: expected a width that 2 x heads divides, got {config.width}, {config.heads}")
        self.normalised = config.normalised
        self.frame_rate = codec.frame_rate
        self.levels, self.codebook_size = codec.levels, codec.codebook_size
        self.schedule = LogLinearSchedule()
        self.head_width = config.width // config.heads
        condition = config.condition_width
        self.feature = MaskedFeature(codec.levels, codec.codebook_size, codec.dimension)
        self.input = nn.Linear(codec.dimension + lip_width, config.width)
        self.time = TimeEmbedding(condition)
        self.identity = nn.Linear(IDENTITY_WIDTH, condition)
        self.emotion = nn.Linear(len(Emotion), condition, bias=False)
        self.null_lip = nn.Parameter(torch.zeros(lip_width))
        self.null_identity = nn.Parameter(torch.zeros(condition))
        self.null_emotion = nn.Parameter(torch.zeros(condition))
        self.prompt_mark = nn.Parameter(torch.zeros(config.width))
        self.blocks = nn.ModuleList(
            DualAdaLnBlock(config.width, config.heads, config.mlp_ratio, condition) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.heads = nn.ModuleList(nn.Linear(config.width, codec.codebook_size) for _ in range(codec.levels))

    def forward(
        self,
        codes: Tensor,
        t: Tensor,
        conditions: Conditions,
        where: Tensor,
        keep: Tensor | None = None,
        frame_mask: Tensor | None = None,
    ) -> Tensor:
        """Log concrete scores of the positions `where`, (positions, size), float32, in row-major order of `where`.

        Only these positions go through the heads: the heads are a third of the work, and neither the loss nor the
        sampler looks at other positions.
        codes: (batch, levels, frames), int64, codec rate, [MASK] = size. t: (batch,). where: like codes, bool.
        keep: (batch, 3), bool, see `conditions.NAMES`; None keeps all.
        frame_mask: (batch, frames), True where not padding.
        Normalised: log softmax + log r. Free: as SEDD writes them, with log r - log size added, so that they start near
        the true total.
        """
        hidden = self.hidden(codes, t, conditions, keep, frame_mask)
        sample, level, frame = where.nonzero(as_tuple=True)
        logits = hidden.new_empty(len(sample), self.codebook_size, dtype=torch.float32)
        for number, head in enumerate(self.heads):
            here = (level == number).nonzero()[:, 0]
            if len(here):
                logits[here] = head(hidden[sample[here], frame[here]]).float()
        log_ratio = self.schedule.log_ratio(t.float())[sample][:, None]
        if self.normalised:
            return logits.log_softmax(-1) + log_ratio
        return logits + log_ratio - math.log(self.codebook_size)

    def hidden(
        self,
        codes: Tensor,
        t: Tensor,
        conditions: Conditions,
        keep: Tensor | None = None,
        frame_mask: Tensor | None = None,
    ) -> Tensor:
        """What the heads read: (batch, frames, width). Arguments as in `forward`."""
        frames, heard = codes.shape[2], 0
        lip = at_codec_rate(conditions.lip, frames, self.frame_rate)
        weights = at_codec_rate(conditions.emotion, frames, self.frame_rate)
        prompt = conditions.prompt
        if prompt is not None:
            heard = prompt.codes.shape[2]
            codes = torch.cat([prompt.codes, codes], dim=2)
            lip = torch.cat([at_codec_rate(prompt.lip, heard, self.frame_rate), lip], dim=1)
            weights = torch.cat([at_codec_rate(prompt.emotion, heard, self.frame_rate), weights], dim=1)
        identity, emotion = self.identity(conditions.identity), self.emotion(weights)
        if keep is not None:
            lip = torch.where(keep[:, 0, None, None], lip, self.null_lip)
            identity = torch.where(keep[:, 1, None], identity, self.null_identity)
            emotion = torch.where(keep[:, 2, None, None], emotion, self.null_emotion)
        time = self.time(t)
        channel = (identity + time)[:, None]
        temporal = emotion + time[:, None]
        attend = _attended(frame_mask, keep, len(codes), frames, heard, codes.device)
        angles = rotary_angles(heard + frames, self.head_width, codes.device)
        x = self.input(torch.cat([self.feature(codes), lip], dim=-1))
        x[:, :heard] += self.prompt_mark
        for block in self.blocks:
            x = block(x, channel, temporal, angles, attend)
        output: Tensor = self.norm(x[:, heard:])
        return output

    @torch.no_grad()
    def start_from(self, codebooks: Tensor) -> None:
        """Warm start from the codec's codebooks (levels, size, dimension), our choice: m_t and the heads.

        Head rows become projected codebook entries of the size that the heads had, so that codes that sound alike get
        alike scores from the first step. Raises WeightsError if the codebooks do not fit.
        """
        self.feature.start_from(codebooks)
        width = self.norm.normalized_shape[0]
        rows = project_codebooks(codebooks, self.levels, self.codebook_size, width)
        for number, row in enumerate(rows):
            weight = self.heads.get_parameter(f"{number}.weight")
            size = weight.square().mean().sqrt()
            weight.copy_(row * (size / row.square().mean().sqrt().clamp(min=1e-8)))
            self.heads.get_parameter(f"{number}.bias").zero_()


def _attended(
    frame_mask: Tensor | None, keep: Tensor | None, batch: int, frames: int, heard: int, device: torch.device
) -> Tensor | None:
    """(batch, 1, 1, heard + frames) bool, which frames are seen: no padding, and a prompt only with its identity."""
    if frame_mask is None and (keep is None or not heard):
        return None
    own = torch.ones(batch, frames, dtype=torch.bool, device=device) if frame_mask is None else frame_mask
    prompt = torch.ones(batch, heard, dtype=torch.bool, device=device)
    if keep is not None:
        prompt &= keep[:, 1, None]
    return torch.cat([prompt, own], dim=1)[:, None, None]
