import pytest

from imagintalk.data.grid_grammar import PLACES, sentence_of
from imagintalk.errors import DataError
from imagintalk.evaluation.words import WordErrors, normalise, pooled, word_errors


def test_a_grid_name_spells_its_sentence() -> None:
    assert sentence_of("bbaf2n") == "bin blue at f two now"
    assert sentence_of("swwzzs") == "set white with z zero soon"


@pytest.mark.parametrize("stem", ["bbaf2", "bbaf2nn", "xbaf2n", "bbaw2n", ""])
def test_a_name_outside_the_grammar_is_an_error(stem: str) -> None:
    with pytest.raises(DataError):
        sentence_of(stem)


def test_the_grammar_has_51_words() -> None:
    assert len({word for _, words in PLACES for word in words.values()}) == 51


def test_normalising_a_reference_changes_nothing() -> None:
    for place, words in PLACES:
        for word in words.values():
            assert normalise(word) == word, place


@pytest.mark.parametrize(
    ("heard", "words"),
    [("Bin blue, at F2 now.", "bin blue at f two now"), ("SET red by C 0 soon!", "set red by c zero soon"), ("…", "")],
)
def test_spelling_does_not_count(heard: str, words: str) -> None:
    assert normalise(heard) == words


def test_errors_are_substitutions_deletions_and_insertions() -> None:
    said = "bin blue at f two now"
    assert word_errors(said, "Bin blue at F2 now.") == WordErrors(0, 6)
    assert word_errors(said, "bin red at f two now") == WordErrors(1, 6)
    assert word_errors(said, "bin at f two now") == WordErrors(1, 6)
    assert word_errors(said, "bin blue at at f two now") == WordErrors(1, 6)
    assert word_errors(said, "") == WordErrors(6, 6)


def test_pooling_weighs_words_not_sentences() -> None:
    assert pooled([WordErrors(1, 1), WordErrors(0, 9)]).rate == pytest.approx(0.1)
    with pytest.raises(DataError):
        pooled([])


def test_nothing_said_is_an_error() -> None:
    with pytest.raises(DataError):
        word_errors(" ", "bin")
