"""What is said of a prompt's words: those that are unknown, of another language, or beyond what the model reads."""

from typing import Any

import pytest

from limner.engines import registry
from limner.engines.card import ModelCard
from limner.engines.words import split, warn
from limner.model.text import split_words

CARD = registry.resolve("storybook")


def card(**more: Any) -> ModelCard:
    words = frozenset(["a", "an", "the", "ox", "on", "road", "in", "snow", "of", "picture", "book"])
    return CARD.model_copy(update={"vocabulary": words, "max_prompt_words": None} | more)


def told(prompt: str, **more: Any) -> list[str]:
    return warn("prompt", prompt, card(**more))


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("A picture of an OX, on the road!", None),
        ("an ox's road", "ox's"),
        ("an ox’s road", "ox's"),
        ("a picture-book ox", None),
        ("an ox on 3 roads", "roads"),
        ("a zeppelin-like ox", "zeppelin, like"),
        ("a zeppelin and a Zeppelin in snow", "zeppelin, and"),
        ("@Image1 in the snow of @image2", None),
        ("an Öchslein on the road", "öchslein"),
        ("the ox Мурка in snow", "мурка"),
    ],
)
def test_unknown_words_come_back_once_each(prompt: str, unknown: str | None) -> None:
    warnings = told(prompt)
    assert [warning.split(": ")[1] for warning in warnings] == ([] if unknown is None else [unknown])


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ("zeppelin", "zeppelin"),
        ("a picture of a flying zeppelin", "flying, zeppelin"),
        ("2 4 8 ??? --- ...", ""),
        ("\N{FOX FACE}", ""),
        ("@Image1", ""),
    ],
)
def test_a_prompt_that_names_nothing_known_is_told_who_chooses(prompt: str, unknown: str) -> None:
    (warning,) = told(prompt)
    assert "its own choice" in warning
    assert warning.partition(": ")[2] == unknown


@pytest.mark.parametrize(
    "prompt",
    ["ein Ochse auf der Straße", "un bœuf sur la route", "una casa roja", "雪の中の牛", "вол на дороге", "بقرة"],
)
def test_a_prompt_of_another_language_is_told_so(prompt: str) -> None:
    assert "does not look like English" in told(prompt)[0]
    assert not any("English" in warning for warning in told(prompt, multilingual=True))


@pytest.mark.parametrize(
    "prompt",
    ["an ox", "a road in Los Angeles", "cyberpunk samurai portrait", "an ox in a café", "the ox der Große on the road"],
)
def test_english_with_strange_words_is_still_english(prompt: str) -> None:
    assert not any("English" in warning for warning in told(prompt))


def test_many_unknown_words_stay_one_short_warning() -> None:
    (warning,) = told("ox " + " ".join(f"zz{'abcdefghij'[i]}{'abcdefghij'[j]}" for i in range(4) for j in range(10)))
    assert warning.endswith("and 28 more")
    assert len(warning) < 200


def test_a_prompt_longer_than_the_model_reads_is_told_where_it_is_cut() -> None:
    assert told("an ox on 2 - !", max_prompt_words=4) == []
    (warning,) = told("an ox on the road, in snow", max_prompt_words=5)
    assert "has 7 words, of which storybook reads 5" in warning
    assert "after “on the road”" in warning


def test_the_negative_prompt_is_told_of_by_its_name() -> None:
    assert warn("negative_prompt", "", card()) == []
    assert "negative_prompt" in warn("negative_prompt", "rain", card())[0]


@pytest.mark.parametrize("prompt", ["The ox's @Image1, 12 roads", "an ox’s Öchslein 雪 x2y", "a-b_c don't 'quote'"])
def test_words_are_counted_as_the_tokenizer_counts_them(prompt: str) -> None:
    read = split_words(prompt)
    assert warn("prompt", prompt, card(vocabulary=None, max_prompt_words=len(read))) == []
    assert f"has {len(read)} words" in warn("prompt", prompt, card(vocabulary=None, max_prompt_words=len(read) - 1))[0]


def test_splitting_leaves_out_punctuation_and_the_names_of_inputs() -> None:
    assert split("Put @Image1 -- the OX's 2nd -- on a road!") == ["put", "the", "ox's", "2", "nd", "on", "a", "road"]
