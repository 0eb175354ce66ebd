"""Input images at the API's door: data URIs, files of this server, URLs of others, and what is said of the rest."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
from PIL import Image

from limner.api.assets import Files, Upload
from limner.api.services import Services
from limner.errors import InvalidRequest, LimnerError, TooLarge
from limner.images.blobs import Blobs, result_path
from limner.images.intake import read_image
from limner.outbound import Outbound
from limner.records.assets import Assets
from limner.records.engine import Database
from limner.settings import Settings

HOST = "127.0.0.1:7310"
EXAMPLE = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"
RESULT = "0a1b2c3d-0000-4000-8000-00000000000a"
ELSEWHERE = "pictures.example"


def picture(form: str = "PNG", side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 40)).save(out, form)
    return out.getvalue()


@pytest.fixture
def files(settings: Settings, database: Database, blobs: Blobs) -> Files:
    small = settings.model_copy(update={"max_image_bytes": 200_000, "max_image_pixels": 300_000})
    return Files(Assets(database), blobs, small)


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[Outbound, str]]:
    """A client that finds a server of pictures under a name that no resolver knows; and the URL of that server."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].partition(b"?")[0]
        known = {b"/ox.png": picture(), b"/ox.jpeg": picture("JPEG"), b"/big.png": bytes(200_001), b"/page": b"<html>"}
        body = known.get(path, b"no")
        status = b"200 OK" if path in known else b"404 Not Found"
        writer.write(
            b"HTTP/1.1 %b\r\nContent-Type: image/gif\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
        )
        await writer.drain()
        writer.close()

    async def look_up(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == ELSEWHERE else ["10.0.0.1"]

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield Outbound(look_up, exempt=[("127.0.0.1", port)]), f"http://{ELSEWHERE}:{port}"


async def take(files: Files, text: str, namespace: str = "local", host: str = HOST) -> Any:
    digest, size = await files.take_input(text, field="input_image", namespace=namespace, host=host)
    return read_image(await files.blobs.get_input(digest), max_pixels=10**6), size


async def test_an_input_is_a_data_uri_or_any_file_that_the_caller_may_read(files: Files) -> None:
    await files.store(
        "local", "art", [Upload("a b.png", picture(), "image/png")], {"name": "", "email": "", "message": ""}
    )
    await files.blobs.put(result_path("local", RESULT, "png"), picture())
    await files.blobs.put(result_path("someone", RESULT, "png"), picture())
    expired = result_path("local", RESULT, "png") + "?expires=1&signature=00"
    for text in (
        "data:image/png;base64," + base64.b64encode(picture()).decode(),
        "/api/repos/local/art/file/main/a%20b.png",
        f"http://{HOST.upper()}/api/repos/local/art/file/main/a b.png",
        f"https://{HOST}/api/repos/{result_path('local', RESULT, 'png')}",
        f"/api/repos/{expired}",
        files.result_url(result_path("someone", RESULT, "png"), f"http://{HOST}"),
        "http://localhost:7310/api/repos/local/art/file/main/a%20b.png",
        "http://[::1]:7310/api/repos/local/art/file/main/a%20b.png",
    ):
        rgba, size = await take(files, text)
        assert size == (8, 8)
        assert (rgba == [200, 30, 40, 255]).all()
    rgba, size = await take(files, f"http://{HOST}{EXAMPLE}")
    assert size == (512, 512)


async def test_an_input_is_stored_upright_and_once(files: Files) -> None:
    wide = np.zeros((2, 3, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(wide).save(out, "PNG", exif=exif.tobytes())
    rgba, size = await take(files, "data:image/png;base64," + base64.b64encode(out.getvalue()).decode())
    assert size == (2, 3)
    assert rgba.shape == (3, 2, 4)


async def test_the_public_address_is_our_own_with_its_prefix(files: Files) -> None:
    settings = files.settings.model_copy(update={"public_url": "https://img.example.org/limner"})
    public = Files(files.assets, files.blobs, settings)
    for host in ("img.example.org", "IMG.example.org.", "img.example.org:443"):
        assert (await take(public, f"https://{host}/limner{EXAMPLE}"))[1] == (512, 512)
    with pytest.raises(InvalidRequest):
        await take(public, f"https://img.example.org.evil.org{EXAMPLE}")


@pytest.mark.parametrize(
    "text",
    [
        f"ftp://{HOST}{EXAMPLE}",
        f"file://{EXAMPLE}",
        f"http://{EXAMPLE}",
        f"http:{EXAMPLE}",
        f"//{HOST}{EXAMPLE}",
        f"http://{HOST}/api/ai/queue",
        "http://localhost:7310/api/ai/queue",
        "http://[::1",
        "http://x:70000000/",
        "ox.png",
        "/etc/passwd",
        "",
        "iVBORw0KGgo",
    ],
)
async def test_what_names_no_picture_is_refused_and_what_is_accepted_is_said(files: Files, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"input_image must be .*data:image.*/api/repos/") as refusal:
        await take(files, text)
    assert refusal.value.field == "input_image"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/ox.png",
        f"http://{HOST}@example.org{EXAMPLE}",
        f"http://user@{HOST}{EXAMPLE}",
        f"http://127.0.0.1.example.org:7310{EXAMPLE}",
        f"http://127.0.0.1:7311{EXAMPLE}",
        f"http://127.0.0.2:7310{EXAMPLE}",
    ],
)
async def test_a_url_of_another_server_is_not_fetched_unless_that_is_on(files: Files, url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^input_image: .* on another server, .*LIMNER_FETCH") as refusal:
        await take(files, url + "?key=secret")
    assert "secret" not in refusal.value.message
    assert refusal.value.field == "input_image"


async def test_an_input_that_cannot_be_read_names_its_url_and_status(files: Files) -> None:
    link = urlsplit(files.result_url(result_path("someone", RESULT, "png"), f"http://{HOST}"))
    for url, status in (
        ("/api/repos/local/art/file/main/missing.png", 404),
        ("/api/repos/other/art/file/main/ox.png", 404),
        (f"{link.path}?expires=1&signature=00", 403),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await take(files, url)
        assert f"{url.partition('?')[0]} answered {status}" in refusal.value.message
        assert refusal.value.field == "input_image"


async def test_an_input_of_too_many_bytes_or_pixels_is_too_large(files: Files) -> None:
    for data in (b"x" * 200_001, picture(side=600)):
        with pytest.raises(TooLarge, match="input_image"):
            await take(files, "data:image/png;base64," + base64.b64encode(data).decode())


async def test_no_error_of_an_input_shows_a_path_of_the_server(files: Files) -> None:
    for text in ("/api/repos/local/generations/file/main/" + RESULT + ".png", "/api/repos/local/a/file/main/x"):
        with pytest.raises(LimnerError) as failed:
            await take(files, text)
        assert str(files.settings.data) not in failed.value.message


def fetching(files: Files, outbound: Outbound, **rule: Any) -> Files:
    return replace(files, outbound=outbound, settings=files.settings.model_copy(update=rule))


async def test_a_public_url_is_an_input_by_its_content(files: Files, elsewhere: tuple[Outbound, str]) -> None:
    outbound, base = elsewhere
    for rule in ({"fetch": None}, {"fetch": "public"}, {"fetch": "allow-list", "fetch_hosts": (ELSEWHERE,)}):
        for path in ("/ox.png?size=1", "/ox.jpeg"):
            rgba, size = await take(fetching(files, outbound, **rule), base + path)
            assert size == (8, 8)
            assert np.abs(rgba.astype(int) - [200, 30, 40, 255]).max() <= 3


@pytest.mark.parametrize(
    "rule",
    [
        {"fetch": "off"},
        {"fetch": None, "host": "0.0.0.0"},
        {"fetch": None, "host": "192.168.1.5"},
        {"fetch": None, "public_url": "https://img.example.org"},
        {"fetch": "allow-list", "fetch_hosts": ("other.example",)},
    ],
)
async def test_a_server_on_a_network_fetches_only_what_it_was_told_to(
    files: Files, elsewhere: tuple[Outbound, str], rule: dict[str, Any]
) -> None:
    outbound, base = elsewhere
    with pytest.raises(InvalidRequest, match="LIMNER_FETCH"):
        await take(fetching(files, outbound, **rule), f"{base}/ox.png")


async def test_what_a_proxy_hands_on_is_not_fetched_unless_that_is_on(
    files: Files, elsewhere: tuple[Outbound, str]
) -> None:
    outbound, base = elsewhere
    for host, fetch in (("img.example.org", None), ("192.168.1.5:7310", None), ("", None)):
        with pytest.raises(InvalidRequest, match="LIMNER_FETCH is off"):
            await take(fetching(files, outbound, fetch=fetch), f"{base}/ox.png", host=host)
    for host, fetch in (("img.example.org", "public"), ("localhost", None), ("[::1]:7310", None)):
        assert (await take(fetching(files, outbound, fetch=fetch), f"{base}/ox.png", host=host))[1] == (8, 8)


async def test_what_cannot_be_fetched_is_named_by_its_url_and_reason(
    files: Files, elsewhere: tuple[Outbound, str]
) -> None:
    outbound, base = elsewhere
    files = fetching(files, outbound, fetch="public")
    for url, says in (
        (f"{base}/none.png", f"input_image: {base}/none.png answered 404"),
        (f"{base}/page", "input_image is HTML, not a PNG, JPEG or WebP picture"),
        ("http://inside.example/ox.png", "input_image: http://inside.example/ox.png is unknown, or not on the public"),
        ("http://127.0.0.1:7311/ox.png", "input_image: http://127.0.0.1:7311/ox.png is at port 7311"),
        ("http://127.0.0.1/ox.png", "input_image: http://127.0.0.1/ox.png is unknown, or not on the public"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await take(files, url + "?key=secret")
        assert refusal.value.message.startswith(says)
        assert refusal.value.field == "input_image"
        assert "secret" not in refusal.value.message
    with pytest.raises(TooLarge, match=r"big\.png is larger than 200000 bytes"):
        await take(files, f"{base}/big.png")


async def test_our_own_files_are_never_asked_for_over_http(files: Files) -> None:
    class Forbidding(Outbound):
        async def fetch(self, url: str, **_: Any) -> bytes:
            raise AssertionError(url)

    settings = {"fetch": "public", "public_url": "https://img.example.org"}
    files = fetching(files, Forbidding(), **settings)
    for base in (f"http://{HOST}", "http://localhost:7310", "https://img.example.org", ""):
        assert (await take(files, base + EXAMPLE))[1] == (512, 512)
        with pytest.raises(InvalidRequest):
            await take(files, f"{base}/api/ai/queue")


class TestOverHttp:
    """The same through the routes, as a caller sees it."""

    @pytest.fixture
    def services(self, services: Services, elsewhere: tuple[Outbound, str]) -> Services:
        return replace(services, files=fetching(services.files, elsewhere[0], fetch="public"))

    @pytest.fixture
    def base(self, elsewhere: tuple[Outbound, str]) -> str:
        return elsewhere[1]

    async def test_a_public_url_is_edited(self, client: httpx2.AsyncClient, base: str) -> None:
        body = {"model": "tiny", "prompt": "an ox", "input_image": f"{base}/ox.png"}
        answer = await client.post("/api/ai/queue", json=body)
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize(
        "wrong", [{"size": "9x9"}, {"n": 11}, {"seed": -1}, {"prompt": "the ox of @Image2"}, {"prompt": " "}], ids=str
    )
    async def test_nothing_is_fetched_for_a_request_that_is_wrong_anyway(
        self, client: httpx2.AsyncClient, base: str, wrong: dict[str, Any]
    ) -> None:
        body = {"model": "tiny", "prompt": "an ox"} | wrong
        sources: dict[str, Any] = {"/api/ai/images/edit": {"input_image": f"{base}/none.png"}}
        sources["/v1/images/edits"] = {"images": [{"image_url": f"{base}/none.png"}]}
        for path, source in sources.items():
            error = (await client.post(path, json=body | source)).json()["error"]
            assert error.get("field", error.get("param")) == next(iter(wrong))

    async def test_the_failing_one_of_several_is_named(self, client: httpx2.AsyncClient, base: str) -> None:
        body = {"model": "tiny", "prompt": "an ox", "input_image": [f"{base}/ox.png", f"{base}/none.png?key=secret"]}
        answer = await client.post("/api/ai/queue", json=body)
        error = answer.json()["error"]
        assert answer.status_code == 400
        assert error["field"] == "input_image[1]"
        assert error["message"] == f"input_image[1]: {base}/none.png answered 404"
