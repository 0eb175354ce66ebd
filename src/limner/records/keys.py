"""Keys: who may ask, for which namespace and for what. Only a digest is kept, so a stolen database opens nothing.

A key reads `limner_ID_SECRET`: the id is public and names it in lists, the secret holds 256 random bits. Rows are never
deleted, so that a revoked key stays known and the first one made ends keyless use for good.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from limner.errors import InvalidRequest, NotFound, Unauthenticated
from limner.records.engine import Database
from limner.records.schema import keys

Right = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Right, ...]] = ("read", "write", "admin")
"""What a key may allow: to look; to make, cancel and store; `admin` for the machine itself and its metrics."""
RESERVED: Final = "limner"
"""The namespace of the examples, which nobody owns."""
MAX_NAME_CHARACTERS: Final = 100
_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEY = re.compile(r"limner_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Key:
    """A key as it is listed, without its secret. Times are unix seconds; None = never."""

    id: str
    name: str
    namespace: str
    scopes: tuple[Right, ...]
    created_at: float
    expires_at: float | None
    revoked_at: float | None

    def is_live(self, now: float) -> bool:
        """Whether it opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Keys:
    """The keys of one database. `now` is the wall clock in unix seconds."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    async def create(
        self, namespace: str, scopes: tuple[str, ...], *, name: str = "", days: float | None = None
    ) -> tuple[Key, str]:
        """A new key and its full text, which is never to be seen again; InvalidRequest names what cannot be."""
        if _NAMESPACE.fullmatch(namespace) is None or namespace == RESERVED:
            raise InvalidRequest(
                f"namespace must be letters, digits, `.`, `_` and `-`, at most 100, and not `{RESERVED}`",
                field="namespace",
            )
        if not scopes or any(scope not in SCOPES for scope in scopes):
            raise InvalidRequest(f"scope must be one or more of {', '.join(SCOPES)}", field="scope")
        if days is not None and not 0 < days <= 36_500:
            raise InvalidRequest("days must be more than 0 and at most 36500", field="days")
        if len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
            raise InvalidRequest(f"name must be printable, at most {MAX_NAME_CHARACTERS} characters", field="name")
        now = self._now()
        id = secrets.token_hex(4)
        text = f"limner_{id}_{secrets.token_urlsafe(32)}"
        expires_at = None if days is None else now + days * 86_400
        granted = tuple(scope for scope in SCOPES if scope in scopes)
        key = Key(id, name, namespace, granted, now, expires_at, None)
        row = {**vars(key), "scopes": list(granted), "digest": digest(text)}
        await self._database.write(lambda connection: connection.execute(sa.insert(keys).values(row)))
        return key, text

    async def list(self) -> list[Key]:
        """Every key there ever was, newest first."""
        rows = await self._database.read(
            lambda connection: connection.execute(sa.select(keys).order_by(keys.c.created_at.desc(), keys.c.id)).all()
        )
        return [_key(row) for row in rows]

    async def revoke(self, id: str) -> Key:
        """End a key; one that is revoked already keeps its time. NotFound if there is none of that id."""
        once = sa.func.coalesce(keys.c.revoked_at, self._now())
        move = sa.update(keys).where(keys.c.id == id).values(revoked_at=once).returning(keys)
        row = await self._database.write(lambda connection: connection.execute(move).one_or_none())
        if row is None:
            raise NotFound(f"There is no key {id[:40]!a}; `limner keys list` shows them.")
        return _key(row)

    async def find(self, text: str) -> Key:
        """The live key that `text` is; Unauthenticated, without saying why, if it is none.

        Digests are compared in constant time, and an unknown id costs the same comparison.
        """
        parts = _KEY.fullmatch(text)
        row = await self._read(parts[1] if parts else "")
        same = hmac.compare_digest(digest(text), row.digest if row is not None else "0" * 64)
        if row is None or not same or not _key(row).is_live(self._now()):
            raise Unauthenticated("The key is not known, has expired or was revoked.")
        return _key(row)

    async def get(self, id: str) -> Key:
        """The live key of this id, for who has shown its text before; Unauthenticated if there is none."""
        row = await self._read(id)
        if row is None or not _key(row).is_live(self._now()):
            raise Unauthenticated("The key of this session has expired or was revoked.")
        return _key(row)

    async def _read(self, id: str) -> sa.Row[Any] | None:
        one = sa.select(keys).where(keys.c.id == id)
        return await self._database.read(lambda connection: connection.execute(one).one_or_none())

    async def are_any(self) -> bool:
        """Whether a key was ever made: then keyless use is over, even if none is live."""
        return await self._database.read(
            lambda connection: connection.execute(sa.select(keys.c.id).limit(1)).one_or_none() is not None
        )


def digest(text: str) -> str:
    """SHA-256 of a key's text, hex. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def _key(row: sa.Row[*tuple[object, ...]]) -> Key:
    values = {name: row._mapping[name] for name in Key.__dataclass_fields__}
    return Key(**values | {"scopes": tuple(values["scopes"])})
