from __future__ import annotations

from collections import Counter

import pytest

from imagintalk.drawn.sentence import LETTERS, SPLITS, GridSentence, all_sentences, sample_sentences
from imagintalk.errors import OptionError


def test_codes_name_each_of_the_64000_sentences_once() -> None:
    sentences = list(all_sentences())
    assert len({sentence.code for sentence in sentences}) == len(sentences) == 64_000
    assert all(GridSentence.from_code(sentence.code) == sentence for sentence in sentences[::97])


def test_code_is_grids() -> None:
    assert GridSentence.from_text("bin blue at f two now").code == "bbaf2n"
    assert GridSentence.from_code("swizza").text == "set white in z zero again"


def test_splits_share_no_sentence_and_keep_their_shares() -> None:
    counts = Counter(sentence.split for sentence in all_sentences())
    assert counts["train"] > 50_000 and min(counts.values()) > 6_000
    drawn = {split: {s.code for s in sample_sentences(200, split, seed)} for seed, split in enumerate(SPLITS)}
    assert not drawn["train"] & drawn["validation"] and not drawn["train"] & drawn["test"]
    assert not drawn["validation"] & drawn["test"]


def test_sampling_is_seeded_distinct_and_even_over_letters() -> None:
    first = sample_sentences(100, "train", 4)
    assert first == sample_sentences(100, "train", 4) != sample_sentences(100, "train", 5)
    assert len({s.code for s in first}) == 100 and {s.split for s in first} == {"train"}
    assert Counter(s.words[3] for s in first) == Counter(dict.fromkeys(LETTERS, 4))


@pytest.mark.parametrize("code", ["bbaw2n", "bbaf2", "bbaf0n", "xbaf2n", "bbaf2nn"])
def test_a_code_outside_the_grammar_is_refused_by_name(code: str) -> None:
    with pytest.raises(OptionError, match=code):
        GridSentence.from_code(code)


def test_words_outside_the_grammar_are_refused() -> None:
    with pytest.raises(OptionError, match="expected one of bin, lay, place, set, got 'put'"):
        GridSentence.from_text("put blue at f two now")
    with pytest.raises(OptionError, match="6 words"):
        GridSentence.from_text("bin blue")


def test_unknown_split_and_count_are_refused() -> None:
    with pytest.raises(OptionError, match="dev"):
        sample_sentences(3, "dev", 0)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="0"):
        sample_sentences(0, "train", 0)
