"""Words to ids."""

import pytest

from limner.model import text
from limner.model.text import SPECIAL, Tokenizer


def test_known_words_get_their_place_and_others_the_unknown_id() -> None:
    tokenizer = Tokenizer.over({"red", "ball"}, length=6)
    ids = tokenizer.encode(["A RED ball!"])[0].tolist()
    assert [tokenizer.words[i] for i in ids] == [text.START, text.UNKNOWN, "red", "ball", text.PAD, text.PAD]


def test_the_transparent_mark_is_a_token_of_its_own() -> None:
    tokenizer = Tokenizer.over({"red"}, length=4)
    plain, marked = tokenizer.encode(["red", "red"], transparent=[False, True]).tolist()
    assert plain != marked
    assert marked[1] == SPECIAL.index(text.TRANSPARENT)


def test_a_long_prompt_is_cut_and_an_empty_one_is_only_its_start() -> None:
    tokenizer = Tokenizer.over({"red"}, length=4)
    long, marked = tokenizer.encode(["red " * 50] * 2, transparent=[False, True]).tolist()
    assert long == [2, 4, 4, 0], "as much is read as of a prompt with both marks"
    assert marked == [2, 3, 4, 4]
    assert tokenizer.encode([""])[0].tolist() == [2, 0, 0, 0]


def test_a_vocabulary_without_the_special_words_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="special words"):
        Tokenizer(("red",), 4)
