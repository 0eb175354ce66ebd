"""Every request to another server: pictures that a caller's URL names, and services that the operator named.

A caller's host is resolved once per connection, every address it has must be public, and the connection goes to an
address that was checked. Nothing is taken from the environment: no proxy, no password file, no certificates. Whether
anything is asked at all is decided elsewhere.
"""

import asyncio
import contextlib
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import httpcore2
import httpx2

from limner import __version__
from limner.errors import InvalidRequest, TooLarge

MAX_URL_CHARACTERS = 8_000
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
"""Addresses of one host that are tried, one after the other."""
AT_ONCE = 8
AT_ONCE_EACH = 2
"""For one caller, so that slow URLs of one hold up nobody else."""
_USUAL_PORT = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
CONNECT_SECONDS = 5.0

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Not `is_global`: what it says differs between versions of Python, and has been wrong (IANA's registries of special-
# purpose addresses, RFC 6890). 168.63.129.16 is public in form, and on Azure it is the host below the machine.
REFUSED_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
UNICAST_IPV6 = ipaddress.IPv6Network("2000::/3")
"""All that is given out so far. Outside lie loopback, link-local, unique local, mapped and NAT64 addresses."""
REFUSED_IPV6 = tuple(
    ipaddress.IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""A host whose last part is a number is an address, in one of the many ways that resolvers understand."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, as text, best first; OSError if there are none."""


class _Refusal(Exception):
    """Why a URL is not fetched, as the end of a sentence that begins with it."""


class _TooMuch(_Refusal):
    """There are more bytes at the URL than are taken."""


class NoAnswer(Exception):
    """Why a service gave no answer, as the end of a sentence that begins with it."""


@dataclass(frozen=True)
class _Target:
    """A URL, taken apart and found to be one that may be asked for. `host` is ASCII, without a last dot."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL_PORT[self.scheme] else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Whether an IP address (as text) lies on the public internet by the explicit lists above."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a zone, such as fe80::1%eth0, does not occur in a public address
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in REFUSED_IPV4)
    return ip in UNICAST_IPV6 and ip.scope_id is None and not any(ip in network for network in REFUSED_IPV6)


def show_url(url: str) -> str:
    """A URL fit for an error message: without user name, password, query and fragment, and not too long."""
    return re.sub(r"^([^/]*//)?[^/]*@", r"\1", re.split(r"[?#]", url, maxsplit=1)[0])[:300]


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver knows of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Fetches pictures. `resolver` finds addresses; `exempt` are (address, port) pairs that need not be public."""

    def __init__(
        self,
        resolver: Resolve = resolve,
        *,
        exempt: Iterable[tuple[str, int]] = (),
        trusted: ssl.SSLContext | None = None,
        total_seconds: float = 30.0,
        silent_seconds: float = 10.0,
    ) -> None:
        self._guard = _Guard(resolver, frozenset(exempt))
        self._trusted = trusted
        self._total_seconds = total_seconds
        silence = dict.fromkeys(("read", "write", "pool"), silent_seconds)
        self._timeouts = {"connect": min(CONNECT_SECONDS, silent_seconds), **silence}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._callers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def fetch(
        self, url: str, *, max_bytes: int, hosts: frozenset[str] | None = None, caller: str = "", field: str = "the URL"
    ) -> bytes:
        """The bytes at a URL; of `hosts` alone (None: of any public host), redirects included.

        `caller` is whose turn it takes.
        InvalidRequest names the field, the URL without its secrets, and the status or the reason; TooLarge if there
        are more than `max_bytes`.
        """
        shown = f"{field}: {show_url(url)}"
        own_slots = self._callers.setdefault(caller, asyncio.Semaphore(AT_ONCE_EACH))
        try:
            async with own_slots, self._slots, asyncio.timeout(self._total_seconds):
                return await self._follow(url, max_bytes, hosts)
        except _Refusal as refusal:
            kind = TooLarge if isinstance(refusal, _TooMuch) else InvalidRequest
            raise kind(f"{shown} {refusal}", field=field) from None
        except (TimeoutError, httpcore2.TimeoutException):
            raise InvalidRequest(f"{shown} did not arrive in time", field=field) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise InvalidRequest(f"{shown} {_explain(error)}", field=field) from None

    async def _follow(self, url: str, max_bytes: int, hosts: frozenset[str] | None) -> bytes:
        trusted = self._trusted or await asyncio.to_thread(_trust_the_system)
        async with httpcore2.AsyncConnectionPool(trusted, network_backend=self._guard, max_connections=1) as pool:
            found = await self._ask(pool, url, hosts, max_bytes)
            for _ in range(MAX_REDIRECTS):
                if isinstance(found, bytes):
                    return found
                url = _join(url, found)
                try:
                    found = await self._ask(pool, url, hosts, max_bytes)
                except _Refusal as refusal:
                    raise type(refusal)(f"redirects to {show_url(url)}, which {refusal}") from None
        if isinstance(found, bytes):
            return found
        raise _Refusal(f"redirects more than {MAX_REDIRECTS} times")

    async def _ask(
        self, pool: httpcore2.AsyncConnectionPool, text: str, hosts: frozenset[str] | None, max_bytes: int
    ) -> bytes | str:
        """The bytes at a URL, or where it redirects to."""
        target = _parse(text)
        if hosts is not None and target.host not in hosts:
            raise _Refusal("is at a host that this server does not fetch from (LIMNER_FETCH_HOSTS)")
        self._guard.check_port(target.port)
        headers = [
            ("Host", target.authority),
            ("User-Agent", f"limner/{__version__}"),
            ("Accept", "image/png, image/jpeg, image/webp"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        async with pool.stream("GET", url, headers=headers, extensions={"timeout": self._timeouts}) as answer:
            fields = {name.lower(): value.decode("utf-8", "replace") for name, value in answer.headers}
            if answer.status in REDIRECTS:
                return fields.get(b"location", "")
            if answer.status != 200:
                raise _Refusal(f"answered {answer.status}")
            if fields.get(b"content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise _Refusal("came compressed, which was not asked for")
            too_much = _TooMuch(f"is larger than {max_bytes} bytes")
            if int(fields.get(b"content-length", "0")) > max_bytes:
                raise too_much
            read = bytearray()
            async for part in answer.aiter_stream():
                read += part
                if len(read) > max_bytes:
                    raise too_much
            return bytes(read)


class _Guard(httpcore2.AsyncNetworkBackend):
    """Opens connections to addresses that were checked, and to no others."""

    def __init__(self, resolver: Resolve, exempt: frozenset[tuple[str, int]]) -> None:
        self._inner = httpcore2.AnyIOBackend()
        self._resolve = resolver
        self._exempt = exempt

    def check_port(self, port: int) -> None:
        """Refuse a port that pictures are not served at."""
        if port not in _USUAL_PORT.values() and all(port != allowed for _, allowed in self._exempt):
            raise _Refusal(f"is at port {port}; only 80 and 443 are asked")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore2 calls it so)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first address of a host that takes one."""
        *others, last = (await self._find(host, port))[:MAX_ADDRESSES]
        for address in others:
            with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        """Never."""
        raise _Refusal("is a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)

    async def _find(self, host: str, port: int) -> list[str]:
        """The addresses of a host. One that is not public spoils them all; an unknown host sounds the same."""
        try:
            found = [host] if _is_address(host) else await self._resolve(host, port)
        except (OSError, UnicodeError):
            found = []
        if not found or not all((address, port) in self._exempt or is_public(address) for address in found):
            raise _Refusal("is unknown, or not on the public internet")
        return found


@cache
def _trust_the_system() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


async def ask_service(url: str, body: Any, *, key: str | None, seconds: float, max_bytes: int) -> Any:
    """What a service that the operator named answers to a JSON body, as JSON; NoAnswer if it gives none.

    The operator chose it, and it may be a neighbour: any address is reached, but nothing else that it redirects to.
    """
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
    trusted = await asyncio.to_thread(httpx2.create_ssl_context, trust_env=False)
    read = bytearray()
    try:
        async with (
            asyncio.timeout(seconds),
            httpx2.AsyncClient(verify=trusted, trust_env=False, timeout=seconds) as client,
            client.stream("POST", url, json=body, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise NoAnswer(f"answered {answer.status_code}")
            async for part in answer.aiter_raw():
                read += part
                if len(read) > max_bytes:
                    raise NoAnswer(f"answered more than {max_bytes} bytes")
        return json.loads(read)
    except (TimeoutError, httpx2.TimeoutException):
        raise NoAnswer(f"did not answer within {seconds:g} seconds") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        raise NoAnswer("cannot be reached") from None
    except ValueError:
        raise NoAnswer("answered something that is no JSON") from None


def _parse(url: str) -> _Target:
    if len(url) > MAX_URL_CHARACTERS:
        raise _Refusal(f"is longer than {MAX_URL_CHARACTERS} characters")
    if "\\" in url or any(character == " " or not character.isprintable() for character in url):
        raise _Refusal("holds a backslash, a space or a character that cannot be printed; write it as %20")
    try:
        parts = httpx2.URL(url)
        path = parts.raw_path.decode("ascii")
    except (httpx2.InvalidURL, ValueError):
        raise _Refusal("is not a valid URL") from None
    if parts.scheme not in ("http", "https") or not parts.raw_host:
        raise _Refusal("is not a URL of the form https://host/path")
    if parts.userinfo:
        raise _Refusal("holds a user name or a password, which are never sent")
    host = parts.raw_host.decode("ascii").removesuffix(".")
    if not _is_address(host):
        if _NUMBER.fullmatch(host):
            raise _Refusal("names its host as a number; write an address as four decimal numbers, or a name")
        if len(host) > 253 or _NAME.fullmatch(host) is None:
            raise _Refusal("has no valid host name")
    port = _USUAL_PORT[parts.scheme] if parts.port is None else parts.port
    return _Target(parts.scheme, host, port, path)


def _join(url: str, location: str) -> str:
    """Where a redirect leads."""
    if not location:
        raise _Refusal("redirects without saying where")
    try:
        there = httpx2.URL(url).join(location)
    except (httpx2.InvalidURL, ValueError):
        raise _Refusal("redirects to something that is not a valid URL") from None
    if url.lower().startswith("https:") and there.scheme == "http":
        raise _Refusal("redirects from https to http")
    return str(there)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _explain(error: Exception) -> str:
    cause = error.args[0] if error.args else error  # httpcore2 wraps what it meets
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "has a certificate that is not valid for its host"
    if isinstance(error, httpcore2.ConnectError):
        return "cannot be reached"
    return "broke off its answer, or gave none that is HTTP"
