"""Every kind of content token: frame counts, determinism, level, storage, and that tokens carry the sound."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import HubertConfig, HubertModel

from imagintalk.config import TokensConfig
from imagintalk.errors import ConfigError, DataError, WeightsError
from imagintalk.external import EXTERNAL
from imagintalk.tokens.build import build_tokenizer
from imagintalk.tokens.fit import Utterance, fit_kmeans
from imagintalk.tokens.kmeans import KMeansTokenizer
from imagintalk.tokens.phoneme import PhonemeTokenizer
from imagintalk.tokens.tokenizer import Tokenizer, frame_count

SIZE = 12
RATE = 16_000
Samples = NDArray[np.float32]


def vowel(formants: tuple[float, float], pitch: float, seconds: float) -> Samples:
    """A buzz at a pitch through two resonances."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros_like(time)
    for harmonic in np.arange(pitch, 6000, pitch):
        gain = sum(1 / (1 + ((harmonic - f) / 90) ** 2) for f in formants)
        sound += gain * np.sin(2 * np.pi * harmonic * time)
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


VOWELS = {"ah": (750.0, 1200.0), "ee": (280.0, 2300.0), "oo": (320.0, 850.0)}


def utterance(order: str, pitch: float = 110.0) -> Utterance:
    """0.4 s vowels between 0.2 s pauses, in a faint noise."""
    pieces, words, at = [np.zeros(3200, np.float32)], [], 0.2
    for word in order.split():
        pieces += [vowel(VOWELS[word], pitch, 0.4), np.zeros(3200, np.float32)]
        words.append((at, at + 0.4, word))
        at += 0.6
    noise = np.random.default_rng(0).normal(0, 1e-4, sum(map(len, pieces)))
    return Utterance((np.concatenate(pieces) + noise).astype(np.float32), tuple(words))


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the layout that HuBERT is published in."""
    torch.manual_seed(0)
    small = HubertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    folder = tmp_path_factory.mktemp("hubert")
    HubertModel(small).save_pretrained(folder)
    return folder


def fitted(kind: str, hubert: Path, seed: int = 0) -> KMeansTokenizer | PhonemeTokenizer:
    utterances = [utterance("ah ee oo"), utterance("oo ah ee", 140.0), utterance("ee oo ah", 180.0)]
    tokenizer = build_tokenizer(TokensConfig(kind, 2 if kind == "phoneme" else SIZE), hubert)
    if isinstance(tokenizer, PhonemeTokenizer):
        tokenizer.fit([u.samples for u in utterances])
    else:
        fit_kmeans(tokenizer, utterances, seed)
    return tokenizer


@pytest.fixture(scope="module", params=["mfcc", "features", "hubert", "phoneme"])
def tokenizer(request: pytest.FixtureRequest, hubert: Path) -> KMeansTokenizer | PhonemeTokenizer:
    return fitted(request.param, hubert)


@pytest.mark.parametrize("samples", [0, 1, 159, 161, 320, 399, 479, 481, 4801, 47_840, 47_926, 48_000, 48_001])
def test_one_token_for_every_fiftieth_of_a_second(tokenizer: Tokenizer, samples: int) -> None:
    tokens = tokenizer.encode(np.resize(utterance("ah ee").samples, samples))
    assert tokens.shape == (round(samples / 320),)
    assert tokens.dtype == np.int64
    assert ((tokens >= 0) & (tokens < tokenizer.size)).all()


def test_a_video_of_75_frames_has_150_tokens() -> None:
    assert frame_count(75 * RATE // 25) == 150
    assert frame_count(47_926) == 150


def test_the_same_sound_gives_the_same_tokens(tokenizer: Tokenizer) -> None:
    samples = utterance("oo ee").samples
    before = samples.copy()
    np.testing.assert_array_equal(tokenizer.encode(samples), tokenizer.encode(samples))
    np.testing.assert_array_equal(samples, before)


def test_tokens_do_not_hear_the_level_or_an_offset(tokenizer: Tokenizer) -> None:
    samples = utterance("ah oo ee").samples
    tokens = tokenizer.encode(samples)
    for gain in (0.125, 4.0):
        np.testing.assert_array_equal(tokenizer.encode(samples * np.float32(gain)), tokens)
    assert (tokenizer.encode(samples * np.float32(0.3)) == tokens).mean() > 0.98
    assert (tokenizer.encode(samples + np.float32(0.05)) == tokens).mean() > 0.98


def test_weights_survive_storage_in_half_precision(tokenizer: KMeansTokenizer | PhonemeTokenizer, hubert: Path) -> None:
    kind = "phoneme" if isinstance(tokenizer, PhonemeTokenizer) else _kind_of(tokenizer)
    stored = {n: t.half() if t.is_floating_point() else t for n, t in tokenizer.state_dict().items()}
    again = build_tokenizer(TokensConfig(kind, tokenizer.size), hubert)
    again.load_state_dict(stored)
    samples = utterance("ee ah oo", 125.0).samples
    np.testing.assert_array_equal(again.encode(samples), tokenizer.encode(samples))
    assert torch.equal(again.centroids, tokenizer.centroids)


def _kind_of(tokenizer: KMeansTokenizer) -> str:
    return {"Cepstra": "mfcc", "PhonemePosteriors": "features", "HubertFeatures": "hubert"}[
        type(tokenizer.features).__name__
    ]


def test_no_two_tokens_sound_the_same(tokenizer: KMeansTokenizer | PhonemeTokenizer) -> None:
    centroids = tokenizer.centroids
    distances = torch.cdist(centroids, centroids) + torch.eye(len(centroids)) * 1e9
    assert centroids.shape[0] == tokenizer.size
    assert distances.min() > 1e-3


def test_bad_sound_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match=r"\(N,\) finite"):
        tokenizer.encode(np.zeros((2, 320), np.float32))
    with pytest.raises(DataError, match=r"\(N,\) finite"):
        tokenizer.encode(np.full(640, np.nan, np.float32))


def test_vowels_have_tokens_of_their_own_whatever_the_pitch(hubert: Path) -> None:
    tokenizer = fitted("mfcc", hubert)
    heard: dict[str, set[int]] = {word: set() for word in VOWELS}
    for pitch in (120.0, 160.0):
        spoken = utterance("ah ee oo ah", pitch)
        tokens = tokenizer.encode(spoken.samples)
        for start, end, word in spoken.words:
            middle = round((start + end) / 2 * 50)
            heard[word].add(int(tokens[middle]))
    for one in heard:
        for other in heard.keys() - {one}:
            assert not heard[one] & heard[other]


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_is_one_token_throughout(hubert: Path, level: float) -> None:
    tokens = fitted("mfcc", hubert).encode(np.full(9600, level, np.float32))
    assert len(set(tokens.tolist())) == 1


def test_every_silence_between_words_is_one_token(hubert: Path) -> None:
    def in_a_room(order: str, pitch: float, noise: float) -> Utterance:
        spoken = utterance(order, pitch)
        room = np.random.default_rng(round(pitch)).normal(0, noise, len(spoken.samples))
        return Utterance((spoken.samples + np.cumsum(room) * 0.05 + room).astype(np.float32), spoken.words)

    rooms = [in_a_room("ah ee oo", 110.0, 1e-4), in_a_room("oo ah ee", 140.0, 1e-3), in_a_room("ee oo ah", 180.0, 2e-3)]
    tokenizer = build_tokenizer(TokensConfig("mfcc", 2 * SIZE))
    assert isinstance(tokenizer, KMeansTokenizer)
    fit_kmeans(tokenizer, rooms, 0)
    assert tokenizer.silent.sum() > 1
    for room in rooms:
        tokens = tokenizer.encode(room.samples)
        silent = tokens == tokenizer.silence
        assert silent[:6].all()
        for start, end, _ in room.words:
            assert not silent[round(start * 50) + 3 : round(end * 50) - 3].any()


def test_phoneme_tokens_are_silence_where_nobody_speaks(hubert: Path) -> None:
    tokenizer = fitted("phoneme", hubert)
    spoken = utterance("ah")
    tokens = tokenizer.encode(spoken.samples)
    assert (tokens[:8] == 0).all()
    assert (tokenizer.encode(np.zeros(9600, np.float32)) == 0).all()


def test_fit_is_seeded(hubert: Path) -> None:
    one, same, other = (fitted("mfcc", hubert, seed).centroids for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_without_word_times_it_learns_from_sound_alone() -> None:
    tokenizer = build_tokenizer(TokensConfig("mfcc", SIZE))
    assert isinstance(tokenizer, KMeansTokenizer)
    fit_kmeans(tokenizer, [Utterance(utterance("ah ee oo").samples)], seed=0)
    assert len(set(tokenizer.encode(utterance("ah ee oo").samples).tolist())) > SIZE // 2


def test_too_little_sound_is_refused() -> None:
    tokenizer = build_tokenizer(TokensConfig("mfcc", SIZE))
    assert isinstance(tokenizer, KMeansTokenizer)
    with pytest.raises(DataError, match="expected at least 25 frames"):
        fit_kmeans(tokenizer, [Utterance(np.zeros(3200, np.float32))], seed=0)
    phonemes = build_tokenizer(TokensConfig("phoneme", 150))
    assert isinstance(phonemes, PhonemeTokenizer)
    with pytest.raises(DataError, match="expected 149 symbols"):
        phonemes.fit([np.zeros(3200, np.float32)])


def test_unusable_configs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one of phoneme"):
        build_tokenizer(TokensConfig("wav2vec", 10))
    with pytest.raises(ConfigError, match="at least 2"):
        build_tokenizer(TokensConfig("mfcc", 1))
    with pytest.raises(WeightsError, match="imagintalk models pull hubert"):
        build_tokenizer(TokensConfig("hubert", 10), tmp_path)


def test_fetched_hubert_is_found(tmp_path: Path, hubert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagintalk.external.weights_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="imagintalk models pull hubert"):
        build_tokenizer(TokensConfig("hubert", 10))
    shutil.copytree(hubert, tmp_path / "hubert")
    for file in EXTERNAL["hubert"].files:
        (tmp_path / "hubert" / file.name).touch()  # transformers saves the same content under other names
    assert build_tokenizer(TokensConfig("hubert", 10)).size == 10


def test_damaged_hubert_is_refused(tmp_path: Path, hubert: Path) -> None:
    (tmp_path / "config.json").write_text((hubert / "config.json").read_text())
    with pytest.raises(WeightsError, match="expected a HuBERT model"):
        build_tokenizer(TokensConfig("hubert", 10), tmp_path)
