"""Who is asking, and whether a browser was tricked into asking. Keyless mode only: one namespace, loopback only."""

from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from limner import errors
from limner.api.problems import answer_error

NAMESPACE = "local"
"""Owner of everything that is made without a key."""

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
PAGE_PATHS = ("/", "/docs")
"""Pages that a link on another site may open: a navigation shows them to the user and to nobody else."""


async def caller(request: Request) -> str:
    """The namespace of the caller. Without keys everyone on this machine is `local`; any Authorization is accepted."""
    return NAMESPACE


def require_own(namespace: str, wanted: str | None, field: str) -> None:
    """Forbidden if `wanted` (the value of `field`) names a namespace other than the caller's."""
    if wanted is not None and wanted != namespace:
        raise errors.Forbidden(f"{field}: you may only use your own namespace, {namespace!r}.", field=field)


class Guard:
    """Refuses requests for foreign host names (DNS rebinding) and those a foreign site made a browser send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http":
            refusal = refuse(Headers(scope=scope), scope)
            if refusal is not None:
                await answer_error(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def refuse(headers: Headers, scope: Scope) -> errors.Forbidden | None:
    """Why this request may not pass, or None if it may."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or split_host(hosts[0]) not in LOCAL_HOSTS:
        return errors.Forbidden("The Host header must be 127.0.0.1, localhost or [::1].")
    own = hosts[0].lower()
    for origin in headers.getlist("origin"):
        if origin.lower() not in (f"http://{own}", f"https://{own}"):
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
