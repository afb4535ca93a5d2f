from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from imagintalk.data.grid_grammar import PLACES
from imagintalk.drawn.sentence import SPLITS, GridSentence, sample_sentences
from imagintalk.errors import DataError, OptionError


def test_each_of_the_64000_codes_says_another_sentence_in_one_split() -> None:
    sentences = [GridSentence("".join(names)) for names in product(*(words for _, words in PLACES))]
    assert len({sentence.text for sentence in sentences}) == len(sentences) == 64_000
    counts = Counter(sentence.split for sentence in sentences)
    assert counts["train"] > 50_000 and min(counts.values()) > 6_000


def test_the_code_is_grids() -> None:
    assert GridSentence("bbaf2n").text == "bin blue at f two now"
    assert GridSentence("swizza").words == ("set", "white", "in", "z", "zero", "again")


def test_splits_share_no_sentence() -> None:
    drawn = {split: {s.code for s in sample_sentences(200, split, seed)} for seed, split in enumerate(SPLITS)}
    assert not drawn["train"] & drawn["validation"] and not drawn["train"] & drawn["test"]
    assert not drawn["validation"] & drawn["test"]


def test_sampling_is_seeded_distinct_and_even_over_letters() -> None:
    first = sample_sentences(100, "train", 4)
    assert first == sample_sentences(100, "train", 4) != sample_sentences(100, "train", 5)
    assert len({s.code for s in first}) == 100 and {s.split for s in first} == {"train"}
    assert Counter(s.words[3] for s in first) == Counter(dict.fromkeys("abcdefghijklmnopqrstuvxyz", 4))


@pytest.mark.parametrize("code", ["bbaw2n", "bbaf2", "bbaf0n", "xbaf2n", "bbaf2nn"])
def test_a_code_outside_the_grammar_is_refused_by_name(code: str) -> None:
    with pytest.raises(DataError, match=code):
        GridSentence(code)


def test_unknown_split_and_count_are_refused() -> None:
    with pytest.raises(OptionError, match="dev"):
        sample_sentences(3, "dev", 0)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="0"):
        sample_sentences(0, "train", 0)
