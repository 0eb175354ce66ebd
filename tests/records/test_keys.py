"""Keys: shown once, kept as a digest, dead after their time or a revocation."""

import sqlite3

import pytest

from limner.errors import InvalidRequest, NotFound, Unauthenticated
from limner.records.engine import Database
from limner.records.keys import Keys
from limner.settings import Settings


class Clock:
    """A wall clock that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, clock: Clock) -> Keys:
    return Keys(database, clock)


async def test_a_key_is_found_by_its_text_and_by_nothing_else(keys: Keys) -> None:
    assert not await keys.are_any()
    made, text = await keys.create("ada", ("write", "read"), name="laptop")
    assert (made.namespace, made.scopes, made.expires_at) == ("ada", ("read", "write"), None)
    assert await keys.find(text) == made
    assert await keys.list() == [made]
    assert await keys.are_any()
    swapped = text[:-1] + ("A" if text[-1] != "A" else "B")
    for wrong in (swapped, text[:-1], text + "A", made.id, "", "limner_00000000_" + "A" * 43, "ä" * 60):
        with pytest.raises(Unauthenticated):
            await keys.find(wrong)


async def test_the_database_never_holds_a_key(keys: Keys, settings: Settings) -> None:
    _, text = await keys.create("ada", ("read",))
    connection = sqlite3.connect(settings.database_file)
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert 'INSERT INTO "keys"' in dump
    assert text.rpartition("_")[2] not in dump


async def test_no_two_keys_are_alike(keys: Keys) -> None:
    texts = {(await keys.create("ada", ("read",)))[1] for _ in range(5)}
    assert len(texts) == 5
    assert all(len(text.split("_", 2)[2]) == 43 for text in texts), "43 characters of base64 hold 256 bits"


async def test_an_expired_key_opens_nothing(keys: Keys, clock: Clock) -> None:
    _, text = await keys.create("ada", ("read",), days=1)
    clock.now += 86_399
    await keys.find(text)
    clock.now += 2
    with pytest.raises(Unauthenticated):
        await keys.find(text)


async def test_a_revoked_key_opens_nothing_and_keeps_the_time_it_ended(keys: Keys, clock: Clock) -> None:
    made, text = await keys.create("ada", ("read",))
    first = await keys.revoke(made.id)
    clock.now += 10
    assert await keys.revoke(made.id) == first
    assert await keys.are_any(), "keyless use does not come back"
    with pytest.raises(Unauthenticated):
        await keys.find(text)
    with pytest.raises(NotFound, match="limner keys list"):
        await keys.revoke("unknown")


@pytest.mark.parametrize("namespace", ["", "limner", "a/b", "a b", "..", "-a", "x" * 101, "ä"])
async def test_a_namespace_is_a_plain_name(keys: Keys, namespace: str) -> None:
    with pytest.raises(InvalidRequest, match="namespace must be"):
        await keys.create(namespace, ("read",))


async def test_what_cannot_be_is_refused_by_name(keys: Keys) -> None:
    for scopes in ((), ("root",), ("read", "root")):
        with pytest.raises(InvalidRequest, match="read, write, admin"):
            await keys.create("ada", scopes)
    for days in (0, -1, 36_501, float("nan")):
        with pytest.raises(InvalidRequest, match="days must be"):
            await keys.create("ada", ("read",), days=days)
    with pytest.raises(InvalidRequest, match="name must be"):
        await keys.create("ada", ("read",), name="a\nb")
