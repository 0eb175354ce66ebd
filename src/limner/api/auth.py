"""Who is asking, what they may do, and whether a browser was tricked into asking.

Until the first key is made everyone on this machine is `local` and may do everything; from then on every request needs
a key, except for what is open to all: the pages, the health, the examples, and whoever holds a signed link.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from limner import errors
from limner.api import sessions
from limner.api.problems import answer_error
from limner.records.keys import SCOPES, Key, Keys, Right, digest

NAMESPACE = "local"
"""Owner of everything that is made without a key, and of a key that names no other."""

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
PAGE_PATHS = ("/", "/workbench", "/docs", "/llms.txt", "/api/reference")
"""Pages that a link on another site may open: a navigation shows them to the user and to nobody else."""

TRUST_SECONDS = 5.0
"""How long what the table of keys said is believed: a new, expired or revoked key shows within this time."""
MAX_TRUSTED = 10_000
FAILURES_ALLOWED = 10
FAILURE_SECONDS = 60.0
"""An address that failed so often in this time is not looked up any more until it is over."""
MAX_ADDRESSES = 10_000


@dataclass(frozen=True)
class Caller:
    """Whose request it is, and what it may do."""

    namespace: str
    scopes: tuple[Right, ...]
    key_id: str | None = None
    """None while no key is needed."""


@dataclass
class Gate:
    """Finds the caller behind an Authorization header. `clock` counts seconds and never goes back."""

    keys: Keys
    clock: Callable[[], float] = time.monotonic
    _trusted: dict[str, tuple[float, Caller]] = field(default_factory=dict)
    _failures: dict[str, tuple[float, int]] = field(default_factory=dict)
    _keyless_until: float = -1.0
    _keyed: bool = False
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One looks and all believe it: hundreds of streams ask in the same moment. Shielded, since any may be cut off."""

    async def is_keyless(self) -> bool:
        """Whether no key was ever made; true for at most five seconds longer than it is."""
        if not self._keyed and self.clock() >= self._keyless_until:
            async with self._looking:
                if (now := self.clock()) >= self._keyless_until:
                    self._keyed = await asyncio.shield(self.keys.are_any())
                    self._keyless_until = now + TRUST_SECONDS
        return not self._keyed

    async def find_caller(self, authorization: str | None, address: str) -> Caller:
        """Who sent this header from this address; Unauthenticated, or TooBusy after too many failures."""
        if await self.is_keyless():
            return Caller(NAMESPACE, SCOPES)
        scheme, _, text = (authorization or "").partition(" ")
        text = text.strip()
        known = digest(text)
        if (trusted := self._trusted_now(known)) is not None:
            return trusted
        async with self._looking:
            return self._trusted_now(known) or await self._look_up(scheme, text, known, address)

    def _trusted_now(self, known: str) -> Caller | None:
        until, caller = self._trusted.get(known, (0.0, None))
        return caller if self.clock() < until else None

    async def _look_up(self, scheme: str, text: str, known: str, address: str) -> Caller:
        now = self.clock()
        if known not in self._trusted:  # who was let in before is looked up again, whatever others at that address did
            self._refuse_after_failures(address, now)
        try:
            if scheme.lower() != "bearer" or not text:
                raise errors.Unauthenticated("Send your key in the header `Authorization: Bearer <key>`.")
            key = await asyncio.shield(self.keys.find(text))
        except errors.Unauthenticated:
            self._trusted.pop(known, None)
            self._count_failure(address, now)
            raise
        return self._trust(known, key)

    async def find_session(self, key_id: str) -> Caller:
        """Who signed in with this key; Unauthenticated once it has expired or was revoked."""
        known = f"session {key_id}"
        if (trusted := self._trusted_now(known)) is not None:
            return trusted
        async with self._looking:
            return self._trusted_now(known) or self._trust(known, await asyncio.shield(self.keys.get(key_id)))

    def _trust(self, known: str, key: Key) -> Caller:
        caller = Caller(key.namespace, key.scopes, key.id)
        _forget_oldest(self._trusted, MAX_TRUSTED)
        self._trusted[known] = (self.clock() + TRUST_SECONDS, caller)
        return caller

    def _refuse_after_failures(self, address: str, now: float) -> None:
        began, count = self._failures.get(address, (now, 0))
        left = began + FAILURE_SECONDS - now
        if count >= FAILURES_ALLOWED and left > 0:
            raise errors.TooBusy(
                f"Too many requests without a valid key came from {address}.", retry_after_seconds=int(left) + 1
            )

    def _count_failure(self, address: str, now: float) -> None:
        began, count = self._failures.get(address, (now, 0))
        if now - began >= FAILURE_SECONDS:
            began, count = now, 0
        _forget_oldest(self._failures, MAX_ADDRESSES)
        self._failures[address] = (began, count + 1)


def _forget_oldest(memory: dict[str, Any], limit: int) -> None:
    while len(memory) >= limit:
        del memory[next(iter(memory))]


async def caller(request: Request) -> str:
    """The namespace of the caller; Unauthenticated without a valid key, Forbidden if it may not do such a thing."""
    return await require(request, "read" if request.method in ("GET", "HEAD") else "write")


async def require(request: Request, scope: Right) -> str:
    """The namespace of the caller; Unauthenticated without a valid key, Forbidden if the key lacks this scope."""
    found = await find_caller(request, request.headers.get("authorization"), sessions.cookie_of(request))
    if scope not in found.scopes:
        raise errors.Forbidden(f"This key has no scope `{scope}`; it has {', '.join(found.scopes)}.")
    return found.namespace


async def find_caller(request: Request, authorization: str | None, session: str | None = None) -> Caller:
    """Whose request it is by the key in a header, or else by a session's cookie; Unauthenticated if by neither."""
    services = request.app.state.services
    gate: Gate = services.gate
    if session is None or await gate.is_keyless():
        return await gate.find_caller(authorization, request.client.host if request.client else "unknown")
    sessions.check_token(request, session, services.blobs)
    return await gate.find_session(sessions.read_key_id(session, services.blobs))


def require_own(namespace: str, wanted: str | None, field: str) -> None:
    """Forbidden if `wanted` (the value of `field`) names a namespace other than the caller's."""
    if wanted is not None and wanted != namespace:
        raise errors.Forbidden(f"{field}: you may only use your own namespace, {namespace!r}.", field=field)


class Guard:
    """Refuses what a foreign site made a browser send and, keyless, foreign host names (DNS rebinding)."""

    def __init__(self, app: ASGIApp, gate: Gate, public_url: str | None) -> None:
        self.app = app
        self.gate = gate
        self.public_host = urlsplit(public_url or "").netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http":
            try:
                keyless = await self.gate.is_keyless()
            except errors.StorageFailed:
                keyless = True  # the stricter check; what needs the database says itself that it fails
            refusal = refuse(Headers(scope=scope), scope, self.public_host, keyless=keyless)
            if refusal is not None:
                await answer_error(refusal, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def refuse(headers: Headers, scope: Scope, public_host: str = "", *, keyless: bool) -> errors.Forbidden | None:
    """Why this request may not pass, or None if it may."""
    hosts = headers.getlist("host")
    name = split_host(hosts[0]) if len(hosts) == 1 else None
    if keyless and name not in LOCAL_HOSTS:
        return errors.Forbidden("The Host header must be 127.0.0.1, localhost or [::1].")
    if name is None:
        return errors.Forbidden("The request needs one Host header that names a host.")
    own = {f"{scheme}://{host}" for scheme in ("http", "https") for host in (hosts[0].lower(), public_host)}
    if any(origin.lower() not in own for origin in headers.getlist("origin")):
        return errors.Forbidden("Requests from web pages of other origins are refused.")
    if headers.get("sec-fetch-site", "").strip().lower() == "cross-site" and not opens_a_page(headers, scope):
        return errors.Forbidden("Requests from web pages of other sites are refused.")
    return None


def split_host(host: str) -> str | None:
    """The name in a Host header without its port, lower case; None if it is malformed."""
    if any(character in host for character in "/?#@\\ \t"):
        return None
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname


def opens_a_page(headers: Headers, scope: Scope) -> bool:
    """Whether a user followed a link to a page or a signed picture: they see it, the site it stood on cannot."""
    path: str = scope["path"]
    signed = path.startswith("/api/repos/") and b"signature=" in scope.get("query_string", b"")
    shown = path in PAGE_PATHS or path.startswith("/docs/") or signed
    return shown and scope["method"] == "GET" and headers.get("sec-fetch-mode", "") == "navigate"
