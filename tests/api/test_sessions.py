"""Sessions: what a browser gets for a key, what its cookie opens, and what it does not."""

import httpx2
import pytest
from fastapi import FastAPI

from limner.records.keys import Keys

BASE = "https://limner.test"
OX = {"model": "tiny", "prompt": "an ox", "size": "64x64"}


@pytest.fixture
def browser(app: FastAPI) -> httpx2.AsyncClient:
    """A caller that keeps cookies and shows no key, over TLS."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE, timeout=30)


@pytest.fixture
async def key(keys: Keys) -> str:
    """A key of ada's that may look and make."""
    return (await keys.create("ada", ("read", "write")))[1]


async def test_without_keys_everyone_here_is_signed_in(client: httpx2.AsyncClient) -> None:
    session = (await client.get("/api/limner/session")).json()
    assert session == {"namespace": "local", "scopes": ["read", "write", "admin"], "keyless": True, "token": None}
    begun = await client.post("/api/limner/session", json={"key": "any"})
    assert begun.json()["keyless"]
    assert "set-cookie" not in begun.headers


async def test_a_key_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_can_use(
    browser: httpx2.AsyncClient, key: str
) -> None:
    assert (await browser.get("/api/limner/session")).json()["namespace"] is None
    assert (await browser.post("/api/limner/session", json={"key": "limner_no"})).status_code == 401
    begun = await browser.post("/api/limner/session", json={"key": key})
    cookie = begun.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure", "path=/"))
    assert key not in cookie
    session = (await browser.get("/api/limner/session")).json()
    assert (session["namespace"], session["scopes"], session["keyless"]) == ("ada", ["read", "write"], False)
    assert session == begun.json()
    assert (await browser.get("/api/ai/queue")).status_code == 200


async def test_a_cookie_alone_changes_nothing(browser: httpx2.AsyncClient, key: str) -> None:
    token = (await browser.post("/api/limner/session", json={"key": key})).json()["token"]
    refused = await browser.post("/api/ai/queue", json=OX)
    assert refused.status_code == 403
    assert "X-Limner-Token" in refused.json()["error"]["detail"]
    assert (await browser.post("/api/ai/queue", json=OX, headers={"X-Limner-Token": "0" * 64})).status_code == 403
    assert (await browser.post("/api/ai/queue", json=OX, headers={"X-Limner-Token": token})).status_code == 200


async def test_a_session_ends_with_its_cookie_and_with_a_changed_letter(browser: httpx2.AsyncClient, key: str) -> None:
    await browser.post("/api/limner/session", json={"key": key})
    value = browser.cookies["limner_session"]
    for forged in (
        f"{value[:-1]}{'0' if value[-1] != '0' else '1'}",
        f"ffffffff{value[8:]}",
        value.replace(".1", ".2"),
        "x",
    ):
        browser.cookies.set("limner_session", forged, domain="limner.test")
        assert (await browser.get("/api/ai/queue")).status_code == 401
        assert (await browser.get("/api/limner/session")).json()["namespace"] is None
        browser.cookies.clear()
    await browser.post("/api/limner/session", json={"key": key})
    ended = await browser.delete("/api/limner/session")
    assert ended.json()["namespace"] is None
    assert (await browser.get("/api/ai/queue")).status_code == 401


async def test_the_session_of_a_revoked_key_opens_nothing(browser: httpx2.AsyncClient, keys: Keys, key: str) -> None:
    await browser.post("/api/limner/session", json={"key": key})
    await keys.revoke(key.split("_")[1])
    assert (await browser.get("/api/limner/session")).json()["namespace"] is None
    assert (await browser.get("/api/ai/queue")).status_code == 401
