"""The bodies of OpenAI's edits: forms and JSON, good ones, broken ones, and pictures that are none."""

import base64
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from PIL import Image

from limner.workers.loop import WorkerLoop
from tests.api.conftest import EDIT, OX, a_picture, fault, make, opened


async def edit(client: httpx2.AsyncClient, *files: tuple[str, Any], **fields: str) -> httpx2.Response:
    """One edit as a form."""
    return await client.post(EDIT, data={"model": "tiny", "prompt": "x", "size": "64x64"} | fields, files=list(files))


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]"])
async def test_an_edit_takes_its_picture_under_every_name(
    client: httpx2.AsyncClient, worker: WorkerLoop, name: str
) -> None:
    picture = opened(await edit(client, (name, ("../../etc/pässwd", a_picture(), "application/octet-stream"))))
    assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


async def test_the_first_of_several_pictures_is_the_first(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    colours = ("blue", *["red"] * 15)
    files = [("image[]", (f"{i}.png", a_picture(colour=colour))) for i, colour in enumerate(colours)]
    picture = opened(await edit(client, *files, n="1", quality="low"))
    assert picture.convert("RGB").getpixel((5, 5)) == (0, 0, 255)
    refused = fault(await edit(client, *files, ("image[]", ("17.png", a_picture()))), 400)
    assert "at most 16 input images, but got 17" in refused["message"]


async def test_the_input_gives_its_shape_to_the_result(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    files = {"image": ("a.png", a_picture(300, 200))}
    answer = await client.post(EDIT, data={"model": "tiny", "prompt": "x"}, files=files)
    assert answer.json()["size"] == "1536x1024"
    assert answer.json()["usage"]["input_tokens_details"]["image_tokens"] == 65 + 2 * 129


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("CMYK", "JPEG"), ("RGBA", "WEBP"), ("L", "JPEG")]
)
async def test_pictures_of_every_kind_are_read(
    client: httpx2.AsyncClient, worker: WorkerLoop, mode: str, kind: str
) -> None:
    out = io.BytesIO()
    Image.new(mode, (64, 64)).save(out, kind)
    assert (await edit(client, ("image", ("a.png", out.getvalue())))).status_code == 200


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"hello",
        a_picture()[:60],
        a_picture(kind="GIF"),
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\xff\xd8\xff",
    ],
)
async def test_what_is_no_picture_is_refused_by_its_place(client: httpx2.AsyncClient, broken: bytes) -> None:
    refused = fault(await edit(client, ("image[]", ("a", a_picture())), ("image[]", ("b.png", broken))), 400)
    assert (refused["type"], refused["code"]) == ("image_generation_user_error", "invalid_image_file")
    assert refused["message"].startswith("Invalid image file or mode for image 2, please check your image file")


async def test_a_picture_that_would_fill_the_memory_is_refused_unread(client: httpx2.AsyncClient) -> None:
    bomb = a_picture(4, 4)
    header = bomb[:16] + (30_000).to_bytes(4, "big") * 2 + bomb[24:]
    refused = fault(await edit(client, ("image", ("a.png", header))), 400)
    assert refused["code"] == "invalid_image_file"


@pytest.mark.parametrize("changed", [{"max_image_bytes": 500}])
async def test_a_file_over_the_limit_is_too_large(client: httpx2.AsyncClient) -> None:
    refused = fault(await edit(client, ("image", ("a.png", a_picture() + bytes(500)))), 413)
    assert "500 bytes" in refused["message"]


@pytest.mark.parametrize("changed", [{"max_body_bytes": 2000}])
async def test_a_body_over_the_limit_is_refused_before_it_is_read(client: httpx2.AsyncClient) -> None:
    assert "2000 bytes" in fault(await edit(client, ("image", ("a.png", bytes(3000)))), 413)["message"]

    async def chunks() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(30):
            yield b"x" * 100

    headers = {"content-type": "multipart/form-data; boundary=b"}
    fault(await client.post(EDIT, content=chunks(), headers=headers), 413)


async def test_a_mask_says_where_to_edit(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    image = ("image", ("a.png", a_picture(64, 64)))
    kept = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    kept.paste((0, 0, 0, 0), (32, 32, 64, 64))
    out = io.BytesIO()
    kept.save(out, "PNG")
    picture = opened(await edit(client, image, ("mask", ("m.png", out.getvalue()))))
    assert picture.convert("RGB").getpixel((5, 60)) == (255, 0, 0)
    assert picture.convert("RGB").getpixel((60, 60)) != (255, 0, 0)


@pytest.mark.parametrize("mask", [a_picture(64, 64), a_picture(32, 32, "RGBA"), b"no picture"])
async def test_a_wrong_mask_is_refused(client: httpx2.AsyncClient, mask: bytes) -> None:
    answer = await edit(client, ("image", ("a.png", a_picture(64, 64))), ("mask", ("m.png", mask)))
    refused = fault(answer, 400)
    assert (refused["param"], refused["code"]) == ("mask", "invalid_mask_image_format")
    assert refused["type"] == "image_generation_user_error"
    assert refused["message"].startswith("Invalid mask image format - ")


async def test_an_edit_needs_a_picture(client: httpx2.AsyncClient) -> None:
    body = {"model": (None, "tiny"), "prompt": (None, "x")}
    refused = fault(await client.post(EDIT, files=body), 400)
    assert (refused["param"], refused["code"]) == ("image", "missing_required_parameter")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("images", "invalid_value"),
        ("markup", "invalid_value"),
        ("prompt", "unknown_parameter"),
        ("x", "unknown_parameter"),
    ],
)
async def test_a_file_where_none_belongs_is_refused(client: httpx2.AsyncClient, name: str, code: str) -> None:
    answer = await edit(client, ("image", ("a.png", a_picture())), (name, ("b.png", a_picture())))
    assert (fault(answer, 400)["param"], fault(answer, 400)["code"]) == (name, code)


async def test_a_form_field_is_given_once_and_known(client: httpx2.AsyncClient) -> None:
    image = ("image", ("a.png", a_picture()))
    twice = fault(await edit(client, image, ("n", (None, "1")), ("n", (None, "2"))), 400)
    assert (twice["param"], "more than once" in twice["message"]) == ("n", True)
    assert fault(await edit(client, image, bogus="1"), 400)["code"] == "unknown_parameter"
    assert fault(await edit(client, image, **{"svg[model]": "x"}), 400)["param"] == "svg"
    assert fault(await edit(client, image, **{"n[]": "2"}), 400)["param"] == "n[]"
    text = fault(await client.post(EDIT, files={"image": (None, "text"), "prompt": (None, "x")}), 400)
    assert (text["param"], text["code"]) == ("image", "invalid_type")
    masks = [("mask", ("m.png", a_picture())) for _ in range(2)]
    assert fault(await edit(client, image, *masks), 400)["param"] == "mask"


def reference(**fields: Any) -> dict[str, Any]:
    """The JSON body of an edit."""
    url = f"data:image/png;base64,{base64.b64encode(a_picture()).decode()}"
    return OX | {"images": [{"image_url": url}]} | fields


async def test_an_edit_may_come_as_json(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    picture = opened(await client.post(EDIT, json=reference(mask=None, input_fidelity="high")))
    assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"images": None}, "images", "invalid_type"),
        ({"images": []}, "images", "empty_array"),
        ({"images": ["x"]}, "images[0]", "invalid_type"),
        ({"images": [{}]}, "images[0].image_url", "missing_required_parameter"),
        ({"images": [{"image_url": 7}]}, "images[0].image_url", "invalid_type"),
        ({"images": [{"file_id": "file-abc"}]}, "images[0].file_id", "invalid_value"),
        ({"images": [{"image_url": "x", "detail": "low"}]}, "images[0].detail", "unknown_parameter"),
        ({"images": [{"image_url": "ftp://x/y.png"}]}, "images[0]", "invalid_value"),
        ({"images": [{"image_url": "data:image/png;base64,AAAA"}]}, "images[0]", "invalid_image_file"),
        ({"image": "x"}, "image", "invalid_value"),
        ({"mask": "x"}, "mask", "invalid_type"),
        ({"markup": {"image_url": "x"}}, "markup", "invalid_value"),
    ],
)
async def test_a_json_edit_is_refused_by_the_place_of_its_fault(
    client: httpx2.AsyncClient, fields: dict[str, Any], param: str, code: str
) -> None:
    refused = fault(await client.post(EDIT, json=reference(**fields)), 400)
    assert (refused["param"], refused["code"]) == (param, code)


@pytest.mark.parametrize(
    "body", [b"--b\r\n", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", b"\0" * 99]
)
async def test_a_broken_form_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    fault(await client.post(EDIT, content=body, headers=headers), 400)


@pytest.mark.parametrize("changed", [{"openai_strict": True}])
async def test_a_strict_server_believes_the_type_of_a_part(client: httpx2.AsyncClient, worker: WorkerLoop) -> None:
    raw = await edit(client, ("image", ("upload", a_picture(), "application/octet-stream")))
    assert fault(raw, 400)["code"] == "unsupported_file_mimetype"
    assert (await edit(client, ("image", ("a.png", a_picture(), "image/png")))).status_code == 200
    assert fault(await make(client, style="vivid"), 400)["code"] == "unknown_parameter"
