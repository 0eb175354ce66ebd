"""The search over the documentation: what it finds, and that nothing one types is an error."""

import httpx2
import pytest


async def find(client: httpx2.AsyncClient, q: str) -> list[str]:
    """The addresses of what is found, best first."""
    answer = await client.get("/docs/search", params={"q": q})
    assert answer.status_code == 200
    return [one["url"].removeprefix("http://127.0.0.1:7310/docs/") for one in answer.json()["results"]]


async def test_the_section_with_the_words_comes_first(client: httpx2.AsyncClient) -> None:
    assert (await find(client, "mask alpha"))[0] == "guides/editing#only-a-part"
    assert "guides/queue-and-events#say-how" in await find(client, "cancel_after_seconds")
    assert (await find(client, "transpar"))[0].startswith("guides/transparent")


async def test_any_of_the_words_will_do_where_no_section_has_all(client: httpx2.AsyncClient) -> None:
    assert "guides/editing#only-a-part" in await find(client, "mask xylophone")
    assert await find(client, "xylophone") == []


@pytest.mark.parametrize(
    "q",
    ["", " ", '"', "'", "*", "a AND", "NOT x", "NEAR(a b", "text:x", "-key", "^key", "key)", "a\x00b", "{}", "💥", "%",
     "\\", "a" * 5_000, "a " * 5_000, "1 OR 1=1; --"],
)  # fmt: skip
async def test_no_query_is_an_error(client: httpx2.AsyncClient, q: str) -> None:
    await find(client, q)
    page = await client.get("/docs/search", params={"q": q}, headers={"Accept": "text/html"})
    assert page.status_code == 200


async def test_a_browser_gets_a_page_whose_marks_are_the_only_ones(client: httpx2.AsyncClient) -> None:
    page = await client.get("/docs/search", params={"q": "<script>alert(1)</script>"}, headers={"Accept": "text/html"})
    assert "<script>alert" not in page.text
    assert 'value="&lt;script&gt;alert(1)&lt;/script&gt;"' in page.text
    found = await client.get("/docs/search", params={"q": "mask"}, headers={"Accept": "text/html,*/*"})
    assert "<mark>mask</mark>" in found.text
    assert found.headers["vary"] == "Accept"
