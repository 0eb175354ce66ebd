"""The guarded client against a server on loopback and made-up names. Nothing leaves the machine, whatever fails."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme

from limner import outbound
from limner.errors import InvalidRequest, TooLarge
from limner.outbound import Outbound

HOST = "pictures.example"
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Names:
    """A resolver: each look-up of a name takes its next answer, and the last one again."""

    known: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.known.get(host)
        if answers is None:
            raise OSError("unknown host")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@dataclass
class Site:
    """A server whose answers are bytes, by path; what it was asked is kept."""

    port: int = 0
    answers: dict[str, bytes | Callable[[asyncio.StreamWriter], Any]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            answer = self.answers[self.heard[-1].split()[1].partition("?")[0]]
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def url(self, path: str, host: str = HOST, scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def client(self, names: Names | None = None, **more: Any) -> Outbound:
        names = names or Names({HOST: [["127.0.0.1"]]})
        return Outbound(names, exempt=[("127.0.0.1", self.port)], **more)


@asynccontextmanager
async def serve(site: Site, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    server = await asyncio.start_server(site, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serve(Site()) as site:
        yield site


def say(body: bytes, *headers: str) -> bytes:
    return OK + "".join(f"{line}\r\n" for line in (*headers, f"Content-Length: {len(body)}")).encode() + b"\r\n" + body


def redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


async def refuse(client: Outbound, url: str, *, max_bytes: int = 1_000, hosts: frozenset[str] | None = None) -> str:
    """What the refusal of a URL says."""
    with pytest.raises(InvalidRequest) as refusal:
        await client.fetch(url, max_bytes=max_bytes, hosts=hosts, field="input_image")
    assert refusal.value.field == "input_image"
    assert refusal.value.message.startswith("input_image: ")
    return refusal.value.message


async def test_a_picture_is_fetched_plainly(site: Site) -> None:
    site.answers["/a%20b/%C3%B6.png"] = say(b"picture")
    assert await site.client().fetch(site.url("/a%20b/ö.png?x=1&y=%20#part"), max_bytes=7) == b"picture"
    head, *lines = site.heard[0].split("\r\n")
    assert head == "GET /a%20b/%C3%B6.png?x=1&y=%20 HTTP/1.1"
    sent = dict(line.lower().split(": ") for line in lines if line)
    assert sent.pop("user-agent").startswith("limner/")
    assert sent == {
        "host": f"{HOST}:{site.port}",
        "accept": "image/png, image/jpeg, image/webp",
        "accept-encoding": "identity",
        "connection": "close",
    }


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(site: Site) -> None:
    """DNS rebinding: the second answer would lead inside, and is never asked for."""
    site.answers["/x.png"] = say(b"x")
    names = Names({HOST: [["127.0.0.1"], ["10.0.0.1"]]})
    client = site.client(names)
    assert await client.fetch(site.url("/x.png"), max_bytes=9) == b"x"
    assert names.asked == [HOST]
    assert "public" in await refuse(client, site.url("/x.png"))


async def test_the_next_address_is_tried_when_one_does_not_answer(site: Site) -> None:
    site.answers["/x.png"] = say(b"x")
    names = Names({HOST: [["127.0.0.2", "127.0.0.1"]]})
    client = Outbound(names, exempt=[("127.0.0.2", site.port), ("127.0.0.1", site.port)])
    assert await client.fetch(site.url("/x.png"), max_bytes=9) == b"x"


@pytest.mark.parametrize("host", ["pictures.EXAMPLE", "pictures.example.", "Pictures.Example."])
async def test_a_host_has_one_form(site: Site, host: str) -> None:
    site.answers["/x.png"] = say(b"x")
    assert await site.client().fetch(site.url("/x.png", host), max_bytes=9, hosts=frozenset([HOST])) == b"x"


async def test_a_name_of_another_script_is_asked_for_as_dns_writes_it(site: Site) -> None:
    site.answers["/"] = say(b"x")
    names = Names({"xn--bcher-kva.example": [["127.0.0.1"]]})
    assert await site.client(names).fetch(site.url("/", "bücher.example"), max_bytes=9) == b"x"


async def test_an_allow_list_holds_for_redirects_too(site: Site) -> None:
    names = Names({HOST: [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    site.answers |= {"/x.png": say(b"x"), "/away": redirect(site.url("/x.png", "other.example"))}
    client, hosts = site.client(names), frozenset([HOST])
    assert await client.fetch(site.url("/x.png"), max_bytes=9, hosts=hosts) == b"x"
    assert await client.fetch(site.url("/away"), max_bytes=9) == b"x"
    for host in ("other.example", f"x.{HOST}", f"{HOST}.other.example"):
        assert "LIMNER_FETCH_HOSTS" in await refuse(client, site.url("/x.png", host), hosts=hosts)
    said = await refuse(client, site.url("/away"), hosts=hosts)
    assert f"redirects to {site.url('/x.png', 'other.example')}, which is at a host" in said


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1/", "http://169.254.169.254/latest/", "//[::1]/", "http://localhost/", "http://inside.example/",
        "file:///etc/passwd", "ftp://127.0.0.77/", "http://127.0.0.77:22/", "http://u:p@127.0.0.77/", "http://2130706433/",
        "http://[::1", "", "data:image/png;base64,AAAA", "/" + "x" * 9_000, "\\\\127.0.0.1\\x",
    ],
)  # fmt: skip
async def test_a_redirect_goes_through_the_same_door(site: Site, to: str) -> None:
    site.answers["/x"] = redirect(to)
    names = Names({HOST: [["127.0.0.1"]], "inside.example": [["10.0.0.1"]], "localhost": [["127.0.0.1"]]})
    said = await refuse(site.client(names), site.url("/x?token=secret"))
    assert "redirects" in said
    assert "in time" not in said
    assert "secret" not in said
    assert "u:p" not in said
    assert len(site.heard) == 1


@pytest.mark.parametrize("status", outbound.REDIRECTS)
async def test_three_redirects_are_followed_and_no_more(site: Site, status: int) -> None:
    site.answers |= {f"/{i}": redirect(f"{i - 1}?again", status) for i in range(1, 6)} | {"/0": say(b"x")}
    assert await site.client().fetch(site.url("/3"), max_bytes=9) == b"x"
    assert "more than 3 times" in await refuse(site.client(), site.url("/4"))
    site.answers["/1"] = redirect("/1", status)
    assert "more than 3 times" in await refuse(site.client(), site.url("/1"))


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def pour(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def pour_chunks(writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()


@pytest.mark.parametrize("answer", [hang, drip, drip_headers])
async def test_a_slow_answer_ends_with_the_time(site: Site, answer: Callable[..., Any]) -> None:
    site.answers["/x"] = answer
    client = site.client(total_seconds=0.4, silent_seconds=0.3)
    async with asyncio.timeout(30):
        assert "did not arrive in time" in await refuse(client, site.url("/x"), max_bytes=10**9)


@pytest.mark.parametrize(
    "answer",
    [pour, pour_chunks, say(b"x" * 1_001), OK + b"Content-Length: 999999999999\r\n\r\nx", OK + b"\r\n" + b"x" * 1_001],
    ids=["endless", "endless-chunks", "honest", "lie-above", "unsaid"],
)
async def test_more_bytes_than_allowed_are_not_read(site: Site, answer: Any) -> None:
    site.answers["/x"] = answer
    with pytest.raises(TooLarge, match=r"^input_image: http://.*/x is larger than 1000 bytes") as refusal:
        await site.client().fetch(site.url("/x?k=v"), max_bytes=1_000, field="input_image")
    assert refusal.value.field == "input_image"
    assert "k=v" not in refusal.value.message


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", "answered 404"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "answered 204"),
        (b"HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx", "answered 206"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "answered 304"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "broke off"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "redirects without saying where"),
        (say(gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip"), "came compressed"),
        (say(b"x", "Content-Encoding: br"), "came compressed"),
        (OK + b"Content-Length: 9\r\n\r\nx", "broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "broke off"),
        (OK + b"Content-Length: -5\r\n\r\nx", "broke off"),
        (OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\nx", "broke off"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "broke off"),
        (OK + b"X: " + b"y" * 300_000 + b"\r\n\r\n", "broke off"),
        (b"HTTP/1.1 banana\r\n\r\n", "broke off"),
        (b"SSH-2.0-OpenSSH\r\n", "broke off"),
        (b"", "broke off"),
    ],
)
async def test_an_answer_that_is_no_picture_is_told_by_its_reason(site: Site, answer: bytes, says: str) -> None:
    site.answers["/x"] = answer
    said = await refuse(site.client(), site.url("/x?signature=secret"), max_bytes=10**6)
    assert f"{site.url('/x')} {says}" in said
    assert "secret" not in said


async def test_who_does_not_listen_cannot_be_reached(site: Site) -> None:
    client = Outbound(Names({HOST: [["127.0.0.1"]]}), exempt=[("127.0.0.1", 1)])
    assert "cannot be reached" in await refuse(client, f"http://{HOST}:1/")


async def test_a_certificate_must_be_trusted_and_of_the_host() -> None:
    authority, tls, trusted = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(HOST).configure_cert(tls)
    authority.configure_trust(trusted)
    names = Names({HOST: [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    async with serve(Site(), tls) as site:
        site.answers |= {"/x": say(b"x"), "/down": redirect(site.url("/x"))}
        knowing, unknowing = site.client(names, trusted=trusted), site.client(names)
        assert await knowing.fetch(site.url("/x", scheme="https"), max_bytes=9) == b"x"
        assert "certificate" in await refuse(unknowing, site.url("/x", scheme="https"))
        assert "certificate" in await refuse(knowing, site.url("/x", "other.example", "https"))
        assert "redirects from https to http" in await refuse(knowing, site.url("/down", scheme="https"))


async def test_nothing_is_taken_from_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        for spelt in (name, name.lower()):
            monkeypatch.setenv(spelt, "http://127.0.0.1:9")
    site.answers["/x"] = say(b"x")
    assert await site.client().fetch(site.url("/x"), max_bytes=9) == b"x"


async def test_only_so_many_fetches_run_at_once(site: Site) -> None:
    inside, most = 0, 0

    async def count(writer: asyncio.StreamWriter) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.05)
        inside -= 1
        writer.write(say(b"x"))

    site.answers["/x"] = count
    client = site.client()
    many = range(3 * outbound.AT_ONCE)
    done = await asyncio.gather(*(client.fetch(site.url("/x"), max_bytes=9, caller=str(i)) for i in many))
    assert len(done) == 3 * outbound.AT_ONCE
    assert outbound.AT_ONCE_EACH < most <= outbound.AT_ONCE


async def test_slow_urls_of_one_caller_hold_up_nobody_else(site: Site) -> None:
    site.answers |= {"/slow": hang, "/x": say(b"x")}
    client = site.client()
    slow = [
        asyncio.create_task(client.fetch(site.url("/slow"), max_bytes=9, caller="one"))
        for _ in range(2 * outbound.AT_ONCE)
    ]
    async with asyncio.timeout(10):
        assert await client.fetch(site.url("/x"), max_bytes=9, caller="another") == b"x"
    assert len([one for one in site.heard if "/slow" in one]) <= outbound.AT_ONCE_EACH
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
