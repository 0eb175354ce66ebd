"""The official Python client edits pictures: every way to hand over a file, masks, and what is refused."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx2
import numpy as np
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types import ImagesResponse
from PIL import Image

Picture = Callable[..., bytes]
TINY: dict[str, Any] = {"model": "tiny", "prompt": "a red ox", "size": "64x64"}
RED, BLUE = (255, 0, 0), (0, 0, 255)


def edit(client: OpenAI, image: Any, **fields: Any) -> ImagesResponse:
    """An edit by *tiny*, whose pictures show the first input above."""
    return cast("ImagesResponse", client.images.edit(image=image, **TINY | fields))


def pixel(answer: ImagesResponse, x: int = 5, y: int = 5) -> Any:
    """The colour of a pixel of the first picture."""
    data = base64.b64decode((answer.data or [])[0].b64_json or "", validate=True)
    return Image.open(io.BytesIO(data)).convert("RGB").getpixel((x, y))


@pytest.mark.parametrize(
    "way", ["file", "path", "bytes", "BytesIO", "name and bytes", "name, bytes and type", "list of one"]
)
def test_a_picture_is_handed_over_in_every_way(client: OpenAI, picture: Picture, tmp_path: Path, way: str) -> None:
    path = tmp_path / "an ox.png"
    path.write_bytes(picture())
    ways: dict[str, Callable[[], Any]] = {
        "path": lambda: path,
        "bytes": picture,
        "BytesIO": lambda: io.BytesIO(picture()),
        "name and bytes": lambda: ("a.png", picture()),
        "name, bytes and type": lambda: ("a.png", picture(), "image/png"),
        "list of one": lambda: [("a.png", picture())],
    }
    if way == "file":
        with path.open("rb") as file:
            assert pixel(edit(client, file)) == RED
    else:
        assert pixel(edit(client, ways[way]())) == RED


@pytest.mark.parametrize("count", [2, 4, 16])
def test_the_first_of_many_pictures_comes_first(client: OpenAI, picture: Picture, count: int) -> None:
    images = [picture(colour="blue"), *[picture()] * (count - 1)]
    assert pixel(edit(client, images)) == BLUE


def test_seventeen_pictures_are_one_too_many(client: OpenAI, picture: Picture) -> None:
    with pytest.raises(openai.BadRequestError, match="at most 16 input images, but got 17"):
        edit(client, [picture()] * 17)


@pytest.mark.parametrize("name", ["ümläut 牛.png", "with space.png", "../../../etc/passwd", 'quo"te.png', "/tmp/a.png"])
def test_the_name_of_a_file_means_nothing(client: OpenAI, picture: Picture, name: str) -> None:
    assert pixel(edit(client, (name, picture()))) == RED


@pytest.mark.parametrize(
    ("mode", "kind"), [("L", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "WEBP")]
)
def test_pictures_of_every_kind_are_read(client: OpenAI, picture: Picture, mode: str, kind: str) -> None:
    assert edit(client, picture(mode=mode, kind=kind, colour=0 if mode in ("L", "P", "I;16") else "red")).data


def test_a_turned_photograph_is_set_upright(client: OpenAI) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 64), "red").save(out, "JPEG", exif=exif)
    assert edit(client, out.getvalue(), size="auto").size == "1024x1536"


@pytest.mark.parametrize("what", ["nothing", "text", "half a picture", "a gif"])
def test_what_is_no_picture_is_refused(client: OpenAI, picture: Picture, what: str) -> None:
    data = {"nothing": b"", "text": b"hello", "half a picture": picture()[:70], "a gif": picture(kind="GIF")}[what]
    with pytest.raises(openai.BadRequestError) as caught:
        edit(client, ("a.png", data))
    assert caught.value.code == "invalid_image_file"


def test_a_picture_that_would_fill_the_memory_is_refused(client: OpenAI, picture: Picture) -> None:
    small = picture()
    for side in (30_000, 2**31 - 1):
        with pytest.raises(openai.BadRequestError) as caught:
            edit(client, small[:16] + side.to_bytes(4, "big") * 2 + small[24:])
        assert caught.value.code == "invalid_image_file"


def test_an_edit_without_a_picture_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        edit(client, [])
    assert (caught.value.param, caught.value.code) == ("image", "missing_required_parameter")


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_mask_keeps_what_it_covers_bit_for_bit(client: OpenAI, kind: str) -> None:
    before = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (32, 32, 64, 64))
    files = [io.BytesIO(), io.BytesIO()]
    for one, file in zip((Image.fromarray(before), mask), files, strict=True):
        one.save(file, "PNG")
    answer = edit(client, files[0].getvalue(), mask=("mask.png", files[1].getvalue()), output_format=kind)
    data = base64.b64decode((answer.data or [])[0].b64_json or "", validate=True)
    made = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    kept = np.asarray(mask)[..., 3] == 255
    assert np.array_equal(made[kept], before[kept])
    assert (made[~kept] != before[~kept]).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("alpha", [0, 255])
def test_a_mask_may_cover_all_or_nothing(client: OpenAI, picture: Picture, alpha: int) -> None:
    mask = picture(mode="RGBA", colour=(0, 0, 0, alpha))
    answer = edit(client, [picture(), picture(colour="blue")], mask=mask)
    assert pixel(answer) == RED


@pytest.mark.parametrize("what", ["no alpha", "another size", "no picture"])
def test_a_wrong_mask_is_refused(client: OpenAI, picture: Picture, what: str) -> None:
    masks = {"no alpha": picture(), "another size": picture(32, 32, "RGBA"), "no picture": b"hello"}
    with pytest.raises(openai.BadRequestError) as caught:
        edit(client, picture(), mask=masks[what])
    assert (caught.value.code, caught.value.param) == ("invalid_mask_image_format", "mask")


def test_every_field_of_an_edit_is_honoured(client: OpenAI, picture: Picture) -> None:
    answer = edit(
        client, picture(), n=2, quality="high", background="transparent", output_format="webp", output_compression=70,
        input_fidelity="high", user="u", safety_identifier="s", stream=False, partial_images=0,
        extra_body={"seed": 3, "moderation": "low", "response_format": "b64_json"},
    )  # fmt: skip
    assert (answer.quality, answer.background, answer.output_format) == ("high", "transparent", "webp")
    assert (answer.safety_identifier, len(answer.data or [])) == ("s", 2)
    assert answer.usage
    assert answer.usage.input_tokens_details.image_tokens == 65 + 129 + 4160


def test_a_form_holds_numbers_and_switches_as_text(server: str, picture: Picture) -> None:
    def send(**fields: str) -> httpx2.Response:
        files = {"image": ("a.png", picture())}
        return httpx2.post(f"{server}/v1/images/edits", data=TINY | fields, files=files, timeout=60)

    assert len(send(n="2", stream="false", seed="7").json()["data"]) == 2
    assert send(stream="true").headers["content-type"].startswith("text/event-stream")
    for name, value in (("n", "abc"), ("n", "1.5"), ("stream", "yes"), ("partial_images", ""), ("seed", "x")):
        refused = send(**{name: value}).json()["error"]
        assert (refused["param"], refused["code"]) == (name, "invalid_type")


def test_an_edit_may_be_json(server: str, picture: Picture) -> None:
    def send(**fields: Any) -> httpx2.Response:
        return httpx2.post(f"{server}/v1/images/edits", json=TINY | {"images": images} | fields, timeout=60)

    images = [{"image_url": f"data:image/png;base64,{base64.b64encode(picture()).decode()}"}]
    assert len(send(n=2).json()["data"]) == 2
    for fields, param in (
        ({"image": images}, "image"),
        ({"images": []}, "images"),
        ({"images": images * 17}, "images"),
        ({"images": [{"file_id": "file-abc"}]}, "images[0].file_id"),
        ({"images": [{"image_url": "http://127.0.0.1:1/ox.png"}]}, "images[0]"),
    ):
        answer = send(**fields)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_fidelity_is_high_or_low(client: OpenAI, picture: Picture) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        edit(client, picture(), input_fidelity="medium")
    assert (caught.value.param, caught.value.code) == ("input_fidelity", "invalid_value")


def test_a_markup_is_refused_by_name(client: OpenAI, picture: Picture) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        edit(client, picture(), markup=picture(mode="RGBA"))
    assert caught.value.param == "markup"


async def test_the_asynchronous_client_edits_too(aclient: AsyncOpenAI, picture: Picture) -> None:
    answer = await aclient.images.edit(image=[picture(), ("b.png", picture())], **TINY)
    assert len(answer.data) == 1
