"""Where a file stands: which URLs name a file of this server, and which name something elsewhere. It reads nothing."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from limner.api.auth import LOCAL_HOSTS
from limner.errors import InvalidRequest

EXAMPLES_REPOSITORY = ("limner", "examples")
_PATH = re.compile(r"/api/repos/([^/]+)/([^/]+)/file/([^/]+)/(.+)", re.DOTALL)
_FORMS = (
    "must be a `data:image/...;base64,` URI, the URL of a picture, or that of a file on this server "
    "(/api/repos/{namespace}/{repo}/file/{revision}/{path})"
)


@dataclass(frozen=True)
class Address:
    """Where a file stands, as its URL names it (decoded)."""

    namespace: str
    repo: str
    revision: str
    path: str
    expires: str | None = None
    signature: str | None = None

    @property
    def is_link(self) -> bool:
        """Whether it is to be opened by its signature alone."""
        return self.signature is not None or self.expires is not None

    @property
    def is_example(self) -> bool:
        """Whether it stands in the repository that is open to all."""
        return (self.namespace, self.repo) == EXAMPLES_REPOSITORY

    @property
    def signed_path(self) -> str:
        """What a signature covers; for a result, its path in the image store."""
        return f"{self.namespace}/{self.repo}/file/{self.revision}/{self.path}"


def find_own(text: str, *, host: str, public_url: str | None, field: str) -> Address | None:
    """The file of this server that a URL names; None if it is an http(s) URL of another server.

    `host` is the Host header of the request: a URL with it is as much our own as one with `public_url`. InvalidRequest
    for what is no such URL at all, and for one of this server that names no file.
    """
    refusal = InvalidRequest(f"{field} {_FORMS}, not: {text[:200]}", field=field)
    try:
        url = urlsplit(text)
        public = urlsplit(public_url or "")
        name, own = _server(url.netloc), [_server(netloc) for netloc in (host, public.netloc) if netloc]
    except ValueError:
        raise refusal from None
    path = url.path
    if url.scheme or url.netloc:
        if url.scheme not in ("http", "https") or not url.netloc:
            raise refusal
        if "@" in url.netloc or name not in own:
            return None
        if public.netloc and name == _server(public.netloc):
            path = path.removeprefix(public.path.rstrip("/"))
    parts = _PATH.fullmatch(unquote(path))
    if parts is None:
        raise refusal
    query = parse_qs(url.query, max_num_fields=20) if url.query.count("&") < 20 else {}
    expires, signature = (query.get(name, [None])[0] for name in ("expires", "signature"))
    return Address(parts[1], parts[2], parts[3], parts[4], expires, signature)


def _server(netloc: str) -> tuple[str, int | None]:
    """Host and port in one form: the names of loopback are one, and so are a usual port and none."""
    parts = urlsplit(f"//{netloc}")
    host = (parts.hostname or "").removesuffix(".")
    return "localhost" if host in LOCAL_HOSTS else host, None if parts.port in (80, 443) else parts.port
