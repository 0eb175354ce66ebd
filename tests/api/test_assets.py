"""Files over HTTP: what is stored comes back, links open until they expire, and no trick gets a file in or out."""

import io
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI, Request
from PIL import Image

from limner.api import assets, problems
from limner.api.assets import Files, make_router
from limner.images.blobs import Blobs, result_path
from limner.images.intake import read_image
from limner.records.assets import Assets
from limner.records.engine import Database
from limner.settings import Settings

HOST = "127.0.0.1:7310"
EXAMPLE = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"
RESULT = "0a1b2c3d-0000-4000-8000-00000000000a"


def picture(form: str = "PNG", colour: tuple[int, int, int] = (200, 30, 40), side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, form)
    return out.getvalue()


@pytest.fixture
def files(settings: Settings, database: Database, blobs: Blobs) -> Files:
    small = settings.model_copy(update={"max_image_bytes": 200_000, "max_image_pixels": 300_000})
    return Files(Assets(database), blobs, small)


async def local(_: Request) -> str:
    """Everyone is `local`; who may be somebody else is tests/api/test_namespaces.py."""
    return "local"


@pytest.fixture
async def client(files: Files) -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(make_router(files, local))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"http://{HOST}") as client:
        yield client


async def put(
    client: httpx2.AsyncClient, *sent: tuple[str, bytes], to: str = "local/art/file/main", **texts: str
) -> Any:
    parts = [("files[]", (name, data, "application/octet-stream")) for name, data in sent]
    return await client.put(f"/api/repos/{to}", files=parts, data=texts)


def refused(answer: Any, status: int, says: str) -> None:
    body = answer.json()
    assert answer.status_code == status, body
    assert body["status"] == "error"
    assert set(body["error"]) - {"field"} == {"type", "title", "detail", "message"}
    assert says in body["error"]["message"]


async def test_a_stored_picture_comes_back_byte_for_byte(client: httpx2.AsyncClient) -> None:
    data = picture("JPEG")
    stored = await put(
        client, ("ox.png", data), to="local/art/file/main/my%20oxen/red", name="Ada", email="a@x.org", message="hi"
    )
    assert stored.status_code == 200
    body = stored.json()
    (file,) = body["files"]
    assert body["status"] == "success"
    assert body["commit"]["message"] == "hi"
    assert (file["path"], file["media_type"], file["size"]) == ("my oxen/red/ox.png", "image/jpeg", len(data))
    for url in (file["url"], f"/api/repos/local/art/file/{file['commit_id']}/my%20oxen/red/ox.png"):
        answer = await client.get(url)
        assert answer.content == data
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["etag"] == f'"{file["digest"]}"'


async def test_main_moves_on_and_commits_stay(client: httpx2.AsyncClient) -> None:
    old, new = picture(colour=(1, 2, 3)), picture(colour=(9, 9, 9))
    first = (await put(client, ("a.png", old))).json()["files"][0]
    await put(client, ("a.png", new))
    assert (await client.get(first["url"])).content == new
    kept = await client.get(f"/api/repos/local/art/file/{first['commit_id']}/a.png")
    assert kept.content == old
    assert "immutable" in kept.headers["cache-control"]
    assert "no-cache" in (await client.get(first["url"])).headers["cache-control"]


async def test_several_files_of_one_call_are_all_stored(client: httpx2.AsyncClient) -> None:
    stored = await put(client, ("a.png", picture()), ("b.webp", picture("WEBP")))
    assert [file["media_type"] for file in stored.json()["files"]] == ["image/png", "image/webp"]


async def test_what_the_reader_has_already_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    await put(client, ("a.png", picture()))
    url = "/api/repos/local/art/file/main/a.png"
    tag = (await client.get(url)).headers["etag"]
    again = await client.get(url, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert (await client.get(url, headers={"If-None-Match": '"other"'})).status_code == 200
    assert (await client.head(url)).headers["content-length"] == str(len(picture()))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../ox.png", "slash"),
        ("a/b.png", "slash"),
        ("a\\b.png", "slash"),
        ("/etc/passwd", "slash"),
        ("..", "must have a name"),
        (".", "must have a name"),
        ("a\u202eb.png", "cannot be printed"),
        ("a\x7fb.png", "cannot be printed"),
        ("x" * 252 + ".png", "longer than 255"),
        ("ö" * 127 + ".png", "longer than 255"),
    ],
)
async def test_a_name_that_is_more_than_a_name_is_refused(client: httpx2.AsyncClient, name: str, says: str) -> None:
    refused(await put(client, (name, picture())), 400, says)


async def test_a_nul_in_a_name_is_refused(client: httpx2.AsyncClient) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files[]"; filename="a\0b.png"\r\n\r\n'
        + picture()
        + b"\r\n--b--\r\n"
    )
    answer = await client.put(
        "/api/repos/local/art/file/main", content=body, headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("local/art/file/main/..%2f..%2fsecret", 400),
        ("local/art/file/main/%2fetc", 400),
        ("local/art/file/main/a//b", 400),
        ("local/art/file/main/a%00b", 400),
        ("local/art/file/main/a%5cb", 400),
        ("local/art/file/main/" + "a/" * 600, 400),
        ("local/art/file/dev", 404),
        ("local/generations/file/main", 403),
        ("local/.art/file/main", 400),
        ("local/" + "a" * 101 + "/file/main", 400),
        ("other/art/file/main", 403),
        ("limner/examples/file/main/bloxy", 403),
    ],
)
async def test_a_place_that_is_not_yours_or_not_plain_is_refused(
    client: httpx2.AsyncClient, to: str, status: int
) -> None:
    answer = await put(client, ("ox.png", picture()), to=to)
    refused(answer, status, "")


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (b"", "is not a whole"),
        (b"GIF89a", "is GIF, not a"),
        (b"<html><script>alert(1)</script>", "is HTML, not a"),
        (picture()[:50], "is not a whole"),
        (picture("BMP"), "is BMP, not a"),
    ],
    ids=["empty", "gif", "html", "truncated", "bmp"],
)
async def test_only_pictures_are_stored(client: httpx2.AsyncClient, sent: bytes, says: str) -> None:
    refused(await put(client, ("ox.png", sent)), 400, f"the file `ox.png` {says} PNG, JPEG or WebP")
    assert (await client.get("/api/repos/local/art/file/main/ox.png")).status_code == 404


async def test_one_bad_file_keeps_all_of_its_call_out(client: httpx2.AsyncClient) -> None:
    refused(await put(client, ("good.png", picture()), ("bad.png", b"x")), 400, "bad.png")
    assert (await client.get("/api/repos/local/art/file/main/good.png")).status_code == 404


async def test_too_much_is_refused(client: httpx2.AsyncClient) -> None:
    refused(await put(client, ("big.png", b"x" * 200_001)), 413, "200000 bytes")
    refused(await put(client, ("wide.png", picture(side=600))), 413, "300000 pixels")
    refused(await put(client, *((f"{i}.png", picture()) for i in range(17))), 400, "16")
    refused(await put(client, ("a.png", picture()), message="x" * 2_001), 400, "message")


async def test_a_malformed_put_is_refused_by_name(client: httpx2.AsyncClient) -> None:
    refused(await put(client, ("a.png", picture()), colour="red"), 400, "unknown field 'colour'")
    refused(await put(client, ("a.png", picture()), ("a.png", picture())), 400, "two files are named `a.png`")
    refused(await put(client, ("a.png", picture()), name="a\x00b"), 400, "control character")
    refused(await client.put("/api/repos/local/art/file/main", data={"message": "x"}), 400, "files[] is missing")
    refused(await client.put("/api/repos/local/art/file/main", json={}), 400, "files[] is missing")
    for head in ("multipart/form-data", "multipart/form-data; boundary=b"):
        answer = await client.put("/api/repos/local/art/file/main", content=b"--x", headers={"content-type": head})
        refused(answer, 400, "")


@pytest.mark.parametrize(
    "url",
    [
        "/api/repos/local/art/file/main/missing.png",
        "/api/repos/local/art/file/dev/ox.png",
        "/api/repos/other/art/file/main/ox.png",
        "/api/repos/local/generations/file/main/../../../url-signing.key",
        "/api/repos/local/generations/file/main/..%2f..%2f..%2furl-signing.key",
        "/api/repos/local/generations/file/main/" + RESULT + ".exe",
        "/api/repos/local/generations/file/main/" + RESULT + ".png",
        "/api/repos/local/art/file/main/a%00b.png",
        "/api/repos/limner/examples/file/main/../../assets.py",
        "/api/repos/limner/examples/file/main/..%2f..%2fassets.py",
        "/api/repos/limner/examples/file/dev/bloxy/bloxy_cropped_512x512.png",
    ],
)
async def test_what_is_not_there_or_not_yours_is_not_found(client: httpx2.AsyncClient, url: str) -> None:
    refused(await client.get(url), 404, "")


async def test_the_example_ships_with_the_package(client: httpx2.AsyncClient) -> None:
    answer = await client.get(EXAMPLE)
    assert answer.headers["content-type"] == "image/png"
    assert len(answer.content) < 100_000
    assert read_image(answer.content, max_pixels=10**6).shape == (512, 512, 4)


def test_the_example_is_what_its_script_draws(tmp_path: Path) -> None:
    script = Path(__file__).parent.parent.parent / "examples" / "bloxy" / "draw.py"
    subprocess.run([sys.executable, script, tmp_path / "ox.png"], check=True)
    drawn = read_image((tmp_path / "ox.png").read_bytes(), max_pixels=10**6)
    shipped = (Path(assets.__file__).parent / "examples" / "bloxy" / "bloxy_cropped_512x512.png").read_bytes()
    assert np.abs(drawn.astype(int) - read_image(shipped, max_pixels=10**6)).mean() < 1


async def test_a_link_opens_a_result_until_it_expires(client: httpx2.AsyncClient, files: Files) -> None:
    path = result_path("someone", RESULT, "webp")
    await files.blobs.put(path, picture("WEBP"))
    url = files.result_url(path, f"http://{HOST}")
    assert url.startswith(f"http://{HOST}/api/repos/someone/generations/file/main/{RESULT}.webp?expires=")
    answer = await client.get(url)
    assert answer.content == picture("WEBP")
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]

    expires = int(time.time()) - 1
    bare = f"/api/repos/{path}"
    refused(await client.get(f"{bare}?expires={expires}&signature={files.blobs.sign(path, expires)}"), 403, "expired")
    refused(await client.get(bare), 404, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("expires=", "expires=9"),
        ("signature=", "signature=0"),
        ("&signature=", "&other="),
        ("expires=", "other="),
        ("expires=", "expires=-"),
        ("expires=", "expires=%D9%A3"),
        ("someone", "local"),
        (".webp", ".png"),
        ("a.webp", "b.webp"),
        ("signature=", "signature=%FF%00"),
    ],
)
async def test_an_altered_link_opens_nothing(client: httpx2.AsyncClient, files: Files, old: str, new: str) -> None:
    for namespace in ("someone", "local"):
        await files.blobs.put(result_path(namespace, RESULT, "webp"), picture("WEBP"))
    url = files.result_url(result_path("someone", RESULT, "webp"), f"http://{HOST}")
    answer = await client.get(url.replace(old, new, 1))
    refused(answer, 403, "altered")
    assert answer.json()["error"]["type"] == "forbidden"


async def test_an_owner_opens_a_result_without_a_link(client: httpx2.AsyncClient, files: Files) -> None:
    path = result_path("local", RESULT, "png")
    await files.blobs.put(path, picture())
    assert (await client.get(f"/api/repos/{path}")).content == picture()
