"""Tuning learns a talker's own tokens for what the lips show, and changes nothing that does not help."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from imagintalk.adapting.clips import HeardClip
from imagintalk.adapting.tune import ASIDE_EVERY, tune
from imagintalk.config import load_config
from imagintalk.errors import Cancelled
from imagintalk.lip.aligner import LipAligner

CONFIG = load_config("tiny")
SHOWN = {3: 40, 11: 200}
"""What a talker's mouth looks like, as the grey of its lower half, when a token is heard."""


def aligner() -> LipAligner:
    torch.manual_seed(0)
    return LipAligner(CONFIG.lips, CONFIG.tokens).eval()


def clip(seed: int, shown: dict[int, int]) -> tuple[HeardClip, ...]:
    """A second in which the mouth changes now and then, and the tokens with it."""
    rng = np.random.default_rng(seed)
    tokens = np.repeat(rng.choice(sorted(shown), 5), 5)
    mouth = rng.integers(100, 130, (25, 96, 96)).astype(np.uint8)
    for frame, token in enumerate(tokens):
        mouth[frame, 48:] = shown[token]
    return (HeardClip(mouth, np.repeat(tokens, 2).astype(np.int64)),)


def quiet(share: float) -> None:
    pass


def test_clips_kept_aside_are_read_better_and_the_aligner_stays_as_it_was() -> None:
    own = aligner()
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    seen: list[float] = []
    tuned = tune(own, CONFIG.lips, [clip(seed, SHOWN) for seed in range(10)], seen.append)
    assert tuned.before is not None and tuned.after is not None and tuned.after < 0.7 * tuned.before
    assert seen == sorted(seen) and seen[-1] == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.state_dict().items())
    assert tuned.lips and not any(name.startswith("visual.") for name in tuned.lips)
    assert all(tuned.lips[name].shape == before[name].shape for name in tuned.lips)


def test_what_does_not_help_changes_nothing() -> None:
    """The clips kept aside are as the aligner knows them, and the others say the opposite."""
    own = aligner()
    own.load_state_dict(own.state_dict() | tune(own, CONFIG.lips, [clip(0, SHOWN)], quiet).lips)
    opposite = {3: SHOWN[11], 11: SHOWN[3]}
    clips = [clip(seed, SHOWN if seed % ASIDE_EVERY == ASIDE_EVERY - 1 else opposite) for seed in range(5)]
    tuned = tune(own, CONFIG.lips, clips, quiet)
    assert tuned.after is not None and tuned.after == tuned.before and tuned.lips == {}


def test_words_of_a_transcript_are_learnt_from_too() -> None:
    """The same pictures and tokens; which words are said is told, told otherwise, or not told."""
    ((piece,),) = [clip(1, SHOWN)]
    told = dataclasses.replace(piece, words=tuple("bin" if token == 3 else "" for token in piece.ids))
    otherwise = dataclasses.replace(piece, words=tuple("bin" if at % 7 else "" for at in range(len(piece.ids))))
    changed = [tune(aligner(), CONFIG.lips, [(one,)], quiet).lips for one in (piece, told, otherwise)]
    assert changed[0].keys() == changed[1].keys()
    moved = [lips["upsample.weight"] for lips in changed]
    assert not torch.equal(moved[0], moved[1]) and not torch.equal(moved[1], moved[2])


def test_few_clips_are_all_learnt_from_and_nothing_is_claimed() -> None:
    tuned = tune(aligner(), CONFIG.lips, [clip(seed, SHOWN) for seed in range(2)], quiet)
    assert tuned.before is None and tuned.after is None and tuned.lips


def test_the_same_clips_and_seed_give_the_same_weights() -> None:
    first, second = (tune(aligner(), CONFIG.lips, [clip(1, SHOWN)], quiet).lips for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_who_watches_may_stop_it() -> None:
    def stop(share: float) -> None:
        if share > 0.5:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        tune(aligner(), CONFIG.lips, [clip(1, SHOWN)], stop)
