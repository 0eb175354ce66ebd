"""The pages a newcomer meets in a browser."""

import httpx2
import pytest

from limner.api.pages import DOCS_FOLDERS


async def test_the_first_page_says_what_runs_and_how_to_begin(client: httpx2.AsyncClient) -> None:
    page = await client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "storybook" in page.text
    assert "curl -s http://127.0.0.1:7310/api/ai/images/generate" in page.text
    assert 'href="/docs"' in page.text
    assert (await client.head("/")).status_code == 200


async def test_the_reference_lists_the_routes_and_the_pages(client: httpx2.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "/api/ai/images/edit" in page.text
    names = [file.relative_to(DOCS_FOLDERS[1]).as_posix() for file in DOCS_FOLDERS[1].rglob("*.md")]
    for name in names:
        assert f'href="/docs/{name}"' in page.text
        assert (await client.get(f"/docs/{name}")).status_code == 200


@pytest.mark.parametrize("name", ["none.md", "../README.md", "%2e%2e/README.md", "/etc/passwd", "%00", ""])
async def test_nothing_else_is_a_page(client: httpx2.AsyncClient, name: str) -> None:
    assert (await client.get(f"/docs/{name}")).status_code == 404
