from __future__ import annotations

import numpy as np
import pytest

from imagintalk.data.grid_grammar import PLACES
from imagintalk.drawn.mouth import TARGETS
from imagintalk.drawn.sentence import GridSentence, sample_sentences
from imagintalk.drawn.voice import _PRONUNCIATIONS, PHONES, speak

SENTENCE = GridSentence("sgij2s")  # set green in j two soon


def test_the_same_sentence_gives_the_same_sound() -> None:
    assert np.array_equal(speak(SENTENCE).samples, speak(SENTENCE).samples)


def test_every_word_of_the_grammar_has_a_pronunciation_and_every_phone_a_shape() -> None:
    assert set(_PRONUNCIATIONS) == {word for _, words in PLACES for word in words.values()}
    assert set(TARGETS) >= PHONES


def test_phones_are_those_of_the_words() -> None:
    assert "".join(span.name for span in speak(SENTENCE).phones) == "sɛtɡɹinɪndʒeɪtusun"


@pytest.mark.parametrize("sentence", sample_sentences(4, "train", 2), ids=lambda s: s.code)
def test_times_are_in_order_and_lie_on_the_sound(sentence: GridSentence) -> None:
    spoken = speak(sentence)
    length = len(spoken.samples) / 24_000
    assert 1.4 < length < 2.5
    for spans in (spoken.phones, spoken.words):
        edges = [edge for span in spans for edge in (span.start_s, span.end_s)]
        assert edges == sorted(edges) and edges[0] >= 0 and edges[-1] <= length
        assert all(span.end_s > span.start_s for span in spans)
    assert [word.name for word in spoken.words] == list(sentence.words)
    assert np.abs(spoken.samples).max() == pytest.approx(0.7, abs=1e-3)
    inside = np.zeros(len(spoken.samples), bool)
    for word in spoken.words:
        inside[round(word.start_s * 24_000) : round(word.end_s * 24_000)] = True
    power = spoken.samples.astype(np.float64) ** 2
    assert power[inside].sum() > 0.97 * power.sum()


def test_the_vowels_are_louder_than_the_stops_before_them() -> None:
    spoken = speak(GridSentence("pbbp2p"))
    level = {name: [] for name in ("p", "t", "i", "a", "u")}  # type: dict[str, list[float]]
    for span in spoken.phones:
        if span.name in level:
            part = spoken.samples[round(span.start_s * 24_000) : round(span.end_s * 24_000)]
            level[span.name].append(float(np.sqrt(np.mean(part**2))))
    stops, vowels = level["p"][1:] + level["t"], level["i"] + level["a"] + level["u"]
    assert np.median(vowels) > 2 * np.median(stops)
