"""Who may ask. Keyless: programs of this machine, but not web pages of other sites. With a key made: who holds one."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from types import SimpleNamespace

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import Request
from sse_starlette import ServerSentEvent
from starlette.datastructures import Headers

from limner import errors
from limner.api.auth import Gate, refuse, split_host
from limner.api.events import while_allowed
from limner.api.metrics import Metrics
from limner.api.services import Services
from limner.records.engine import Database
from limner.records.keys import Keys

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
    assert refuse(two, {"path": "/", "method": "GET"}, keyless=True) is not None
    assert refuse(two, {"path": "/", "method": "GET"}, keyless=False) is not None


async def test_with_a_key_made_nobody_enters_without_one(client: httpx2.AsyncClient, keys: Keys) -> None:
    _, text = await keys.create("ada", ("read", "write"))
    for wrong in (
        {},
        {"Authorization": text},
        {"Authorization": f"Basic {text}"},
        {"Authorization": f"Bearer {text}x"},
    ):
        answer = await client.get("/api/ai/queue", headers=wrong)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["status_message"] == "unauthenticated"
    for scheme in ("Bearer", "bearer", "Bearer "):
        answer = await client.get("/api/ai/queue", headers={"Authorization": f"{scheme} {text}"})
        assert answer.json() == {"count": 0, "generations": []}


async def test_what_is_open_to_all_stays_open(client: httpx2.AsyncClient, keys: Keys) -> None:
    await keys.create("ada", ("read",))
    example = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"
    for path in ("/", "/docs", "/health/live", "/health/ready", example):
        assert (await client.get(path)).status_code == 200, path
    assert "$LIMNER_KEY" in (await client.get("/docs/models/tiny")).text


async def test_with_a_key_made_any_host_is_answered_but_no_foreign_page(client: httpx2.AsyncClient, keys: Keys) -> None:
    _, text = await keys.create("ada", ("read",))
    key = {"Authorization": f"Bearer {text}"}
    assert (await client.get("/api/ai/queue", headers=key | {"host": "pictures.example"})).status_code == 200
    for odd in ({"host": "a@b"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await client.get("/api/ai/queue", headers=key | odd)).status_code == 403


async def test_a_key_may_do_what_its_scopes_say(client: httpx2.AsyncClient, keys: Keys) -> None:
    _, text = await keys.create("ada", ("read",))
    answer = await client.post("/api/ai/queue", json=OX, headers={"Authorization": f"Bearer {text}"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "forbidden")
    assert "no scope `write`" in answer.json()["error"]["detail"]


class Clock:
    """A clock that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_new_or_revoked_key_shows_within_five_seconds(keys: Keys) -> None:
    clock = Clock()
    gate = Gate(keys, clock)
    assert (await gate.find_caller(None, "a")).namespace == "local"
    made, text = await keys.create("ada", ("read",))
    clock.now = 5.0
    with pytest.raises(errors.Unauthenticated):
        await gate.find_caller(None, "a")
    assert (await gate.find_caller(f"Bearer {text}", "a")).namespace == "ada"
    await keys.revoke(made.id)
    clock.now = 10.0
    with pytest.raises(errors.Unauthenticated):
        await gate.find_caller(f"Bearer {text}", "a")


async def test_an_address_that_fails_too_often_is_told_to_wait_but_a_known_key_still_opens(keys: Keys) -> None:
    clock = Clock()
    gate = Gate(keys, clock)
    _, text = await keys.create("ada", ("read",))
    _, other = await keys.create("bob", ("read",))
    await gate.find_caller(f"Bearer {text}", "a")
    for _ in range(10):
        with pytest.raises(errors.Unauthenticated):
            await gate.find_caller("Bearer wrong", "a")
    with pytest.raises(errors.TooBusy) as refused:
        await gate.find_caller(f"Bearer {other}", "a")
    assert 1 <= refused.value.retry_after_seconds <= 61
    clock.now = 30.0
    assert (await gate.find_caller(f"Bearer {text}", "a")).namespace == "ada"
    assert (await gate.find_caller(f"Bearer {other}", "b")).namespace == "bob"
    clock.now = 61.0
    with pytest.raises(errors.Unauthenticated):
        await gate.find_caller("Bearer wrong", "a")


async def test_hundreds_who_ask_in_the_same_moment_cost_one_look(database: Database, keys: Keys) -> None:
    gate, looks = Gate(keys), 0

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal looks
        looks += statement.startswith("SELECT")

    engine = await database.read(lambda connection: connection.engine)
    _, text = await keys.create("ada", ("read",))
    sa.event.listen(engine, "before_cursor_execute", count)
    found = await asyncio.gather(*(gate.find_caller(f"Bearer {text}", "a") for _ in range(300)))
    sa.event.remove(engine, "before_cursor_execute", count)
    assert {caller.namespace for caller in found} == {"ada"}
    assert looks == 2, "is there any key, and is it this one"


async def test_an_open_stream_ends_with_its_key(services: Services, keys: Keys) -> None:
    clock = Clock()
    made, text = await keys.create("ada", ("read",))
    state = SimpleNamespace(services=replace(services, gate=Gate(keys, clock)), metrics=Metrics(services))
    headers = [(b"authorization", f"Bearer {text}".encode())]
    request = Request({"type": "http", "method": "GET", "headers": headers, "app": SimpleNamespace(state=state)})

    async def messages() -> AsyncGenerator[ServerSentEvent, None]:
        while True:
            yield ServerSentEvent("moved")

    stream = while_allowed(request, messages())
    await anext(stream)
    await keys.revoke(made.id)
    await anext(stream)  # believed for five seconds more
    clock.now = 5.0
    assert [message async for message in stream] == []
