"""Other talkers' tokens keep the time of the words that they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from imagintalk.config import load_config
from imagintalk.data.cache import Example, read_cache, write_index
from imagintalk.data.recording import Recording
from imagintalk.tokens.build import build_tokenizer
from imagintalk.tokens.fit import Utterance, fit_kmeans
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.training.token_table import ear_samples
from imagintalk.training.token_variants import ENOUGH_TALKERS, TokenVariants

PIECE = 4_800
"""Samples of a made-up speech sound."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Seven talkers say one text, each with pauses of their own and a little noise; the last one's has no text."""
    folder = tmp_path_factory.mktemp("cache") / "ravdess"
    folder.mkdir()
    rng = np.random.default_rng(0)
    time = np.arange(PIECE) / 24_000
    tones = [np.sin(2 * np.pi * hz * time) + 0.5 * np.sin(2 * np.pi * 3.1 * hz * time) for hz in (300, 900, 1700)]
    recordings = []
    for number in range(ENOUGH_TALKERS + 2):
        pieces = [rng.normal(0, 0.01, 1200 * int(rng.integers(1, 6)))]
        for tone in tones:
            pieces += [tone, rng.normal(0, 0.01, 1200 * int(rng.integers(1, 6)))]
        samples = np.concatenate(pieces)
        samples = np.pad(samples, (0, -len(samples) % 480)) * 6000
        recording = Recording(
            f"said{number}", folder / "none.mp4", f"t{number}", "train", False, (), text="" if number > 5 else "a b c"
        )
        recordings.append(recording)
        np.savez(folder / f"t{number}_said{number}.sound.npz", samples=samples.astype(np.int16))
    write_index(folder, "ravdess", recordings)
    return read_cache(folder.parent)


@pytest.fixture(scope="module")
def tokenizer(examples: list[Example]) -> KMeansTokenizer:
    tokenizer = build_tokenizer(load_config("tiny").tokens)
    assert isinstance(tokenizer, KMeansTokenizer)
    fit_kmeans(tokenizer, [Utterance(ear_samples(e), ()) for e in examples], 0)
    return tokenizer


def test_borrowed_tokens_follow_the_borrowers_time(examples: list[Example], tokenizer: KMeansTokenizer) -> None:
    variants, rng = TokenVariants(examples, tokenizer), np.random.default_rng(0)
    example = examples[0]
    own = tokenizer.encode(ear_samples(example))
    borrowed = [variants.draw(example, rng) for _ in range(10)]
    assert all(ids.shape == own.shape for ids in borrowed)
    assert len({ids.tobytes() for ids in borrowed}) > 1
    # All say the same sounds at different times: in the time of the borrower most tokens are the same.
    moved = np.mean([np.mean(ids == own) for ids in borrowed])
    lenders = [tokenizer.encode(ear_samples(e)) for e in examples[1:6]]
    unmoved = np.mean([np.mean(np.resize(ids, own.shape) == own) for ids in lenders])
    assert moved > 0.7 and moved > unmoved + 0.2


def test_a_text_of_ones_own_is_resized(examples: list[Example], tokenizer: KMeansTokenizer) -> None:
    variants, rng = TokenVariants(examples, tokenizer), np.random.default_rng(0)
    own = tokenizer.encode(ear_samples(examples[-1]))
    resized = [variants.draw(examples[-1], rng) for _ in range(8)]
    assert all(ids.shape == own.shape and ids.max() < tokenizer.size for ids in resized)
    assert any((ids != own).any() for ids in resized)
