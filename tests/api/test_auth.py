"""Keyless on loopback: programs of this machine may ask, web pages of other sites may not."""

import httpx2
import pytest
from starlette.datastructures import Headers

from limner.api.auth import refuse, split_host

OX = {"model": "tiny", "prompt": "a red ox", "size": "64x64"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost:99", "[::1]", "[::1]:7310", "127.0.0.1:7310"])
async def test_names_of_this_machine_are_answered(client: httpx2.AsyncClient, host: str) -> None:
    assert (await client.get("/api/ai/models", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "evil.example:7310", "0.0.0.0", "user@localhost", "localhost:x"],
)
async def test_other_names_are_refused(client: httpx2.AsyncClient, host: str) -> None:
    answer = await client.get("/api/ai/models", headers={"host": host})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:7310.evil.example"},
        {"Origin": "http://127.0.0.1:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
async def test_web_pages_of_other_sites_are_refused(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/api/ai/queue"), ("POST", "/api/ai/queue"), ("GET", "/api/events"), ("GET", "/none")):
        answer = await client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1:7310"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
async def test_our_own_pages_may_ask(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.post("/api/ai/queue", json=OX, headers=headers)).status_code == 200


async def test_a_link_on_another_site_may_open_our_pages(client: httpx2.AsyncClient) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await client.get("/", headers=followed)).status_code == 200
    assert (await client.get("/", headers=followed | {"Sec-Fetch-Mode": "no-cors"})).status_code == 403
    result = "/api/repos/local/generations/file/main/x.png"
    refusals = [
        (await client.get(url, headers=followed)).json()["error"]["detail"] for url in (result, f"{result}?signature=0")
    ]
    assert ["other sites" in refusal for refusal in refusals] == [True, False]


@pytest.mark.parametrize("key", ["Bearer abc", "Bearer", "Basic eDp5", "ox", ""])
async def test_any_authorization_is_accepted(client: httpx2.AsyncClient, key: str) -> None:
    assert (await client.get("/api/ai/queue", headers={"Authorization": key})).status_code == 200


def test_a_malformed_host_has_no_name() -> None:
    for host in ("a/b", "a?b", "a#b", "a@b", "[::1", "localhost:99999", "local host"):
        assert split_host(host) is None


def test_two_host_headers_are_refused() -> None:
    two = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")])
    assert refuse(two, {"path": "/", "method": "GET"}) is not None
