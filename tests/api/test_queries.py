"""Query strings, read strictly."""

import pytest
from fastapi import Request

from limner.api.queries import read_integer, read_one, read_query, read_words
from limner.errors import InvalidRequest


def ask(query: str) -> Request:
    """A request with this query."""
    return Request({"type": "http", "query_string": query.encode(), "headers": [], "method": "GET", "path": "/"})


def test_a_list_may_be_repeated_or_written_with_commas() -> None:
    found = read_query(ask("state=a,b&state=%20c&state="), "state")
    assert read_words(found, "state", ("a", "b", "c")) == ["a", "b", "c"]


def test_a_foreign_word_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(InvalidRequest, match="state must be one or more of a, b"):
        read_words(read_query(ask("state=x"), "state"), "state", ("a", "b"))
    with pytest.raises(InvalidRequest, match="state must be one or more of a, b"):
        read_words(read_query(ask("state=a,"), "state"), "state", ("a", "b"))


def test_an_empty_value_is_the_same_as_none() -> None:
    found = read_query(ask("limit="), "limit", "before")
    assert read_one(found, "limit") is None
    assert read_one(found, "before") is None


@pytest.mark.parametrize("query", ["unknown=1", "limit=%00", "limit=1%00"])
def test_what_cannot_be_meant_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        read_query(ask(query), "limit")


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.0", " 1", "\u0663", "9" * 40, "11"])
def test_only_plain_integers_in_range_are_read(text: str) -> None:
    assert read_integer("10", "limit", 1, 10) == 10
    with pytest.raises(InvalidRequest, match="limit must be an integer between 1 and 10"):
        read_integer(text, "limit", 1, 10)
