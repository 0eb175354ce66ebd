"""The workbench's files: what a browser gets, and that none of it comes from elsewhere."""

import re

import httpx2
import pytest

from limner.api.workbench import FOLDER, files


@pytest.mark.parametrize("path", ["/", "/workbench", "/workbench?model=gpt-image-1-5"])
async def test_the_workbench_is_the_first_page_and_lets_nothing_in_from_elsewhere(
    client: httpx2.AsyncClient, path: str
) -> None:
    page = await client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert (await client.head(path)).status_code == 200


async def test_every_file_that_the_page_names_is_there_and_none_names_another_server(
    client: httpx2.AsyncClient,
) -> None:
    for name, (data, _, _) in files().items():
        text = data.decode()
        assert set(re.findall(r"https?://\w[^\"']*", text)) <= {"http://www.w3.org/2000/svg"}, name
        for named in re.findall(r'(?:from|import) "\./([\w.]+)"|(?:href|src)="workbench/([\w.]+)"', text):
            found = await client.get(f"/workbench/{''.join(named)}")
            assert found.status_code == 200, (name, named)
    assert set(files()) == {file.name for file in FOLDER.iterdir()}


async def test_a_file_that_the_browser_has_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    first = await client.get("/workbench/app.js")
    assert first.headers["content-type"].startswith("text/javascript")
    again = await client.get("/workbench/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["none.js", "..%2fworkbench.py", "%2e%2e", ""])
async def test_nothing_else_is_a_file_of_the_workbench(client: httpx2.AsyncClient, name: str) -> None:
    assert (await client.get(f"/workbench/{name}")).status_code == 404
