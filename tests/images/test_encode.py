"""Encoding on truth: PNG and lossless WebP give every pixel back, and other readers can read what is written."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from limner.images.encode import encode, media_type
from limner.images.intake import Pixels, read_image
from limner.wire import OutputFormat


def noise(height: int, width: int, *, opaque: bool = False) -> Pixels:
    rgba = np.random.default_rng(height * 1_000 + width).integers(0, 256, (height, width, 4), dtype=np.uint8)
    if opaque:
        rgba[..., 3] = 255
    return rgba


def soft() -> Pixels:
    """A smooth opaque picture, as JPEG likes them."""
    y, x = np.mgrid[:64, :96]
    return np.dstack([x * 2, y * 3, 255 - x, np.full_like(x, 255)]).astype(np.uint8)


@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (64, 65), (65, 64), (200, 100)])
def test_a_png_gives_every_pixel_back(height: int, width: int, opaque: bool) -> None:
    rgba = noise(height, width, opaque=opaque)
    data = encode(rgba, "png")
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == ("RGB" if opaque else "RGBA")
        assert np.array_equal(np.asarray(image.convert("RGBA")), rgba)
    assert np.array_equal(read_image(data, max_pixels=10**6), rgba)


def test_a_lossless_webp_gives_every_pixel_back_clear_ones_included() -> None:
    rgba = noise(20, 30)
    rgba[:5, :, 3] = 0
    assert np.array_equal(read_image(encode(rgba, "webp", 100), max_pixels=10**6), rgba)


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_compression_is_the_quality(output_format: OutputFormat) -> None:
    sizes = [len(encode(noise(64, 64, opaque=True), output_format, quality)) for quality in (0, 30, 60, 90)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 2
    seen = read_image(encode(soft(), output_format), max_pixels=10**6)
    assert np.abs(seen.astype(int) - soft()).mean() < 2


@pytest.mark.parametrize(("output_format", "form"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_bytes_are_the_format_that_is_promised(output_format: OutputFormat, form: str) -> None:
    with Image.open(io.BytesIO(encode(soft(), output_format))) as image:
        assert image.format == form
        assert image.size == (96, 64)
    assert media_type(output_format) == f"image/{form.lower()}"


def test_webp_keeps_transparency_and_jpeg_is_laid_on_white() -> None:
    rgba = np.zeros((16, 16, 4), np.uint8)
    assert read_image(encode(rgba, "webp"), max_pixels=10**6)[..., 3].max() == 0
    assert read_image(encode(rgba, "jpeg"), max_pixels=10**6).min() >= 254


def test_a_png_carries_its_text_in_any_script() -> None:
    text = {"prompt": "ein Ochse im Schnee, 雪の牛", "seed": "7"}
    with Image.open(io.BytesIO(encode(soft(), "png", text=text))) as image:
        assert {key: image.info[key] for key in text} == text


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_the_others_carry_it_as_their_description(output_format: OutputFormat) -> None:
    text = {"prompt": "雪の牛", "seed": "7"}
    with Image.open(io.BytesIO(encode(soft(), output_format, text=text))) as image:
        stored = image.getexif()[0x010E]
    assert json.loads(stored.encode("latin-1").decode()) == text


def test_text_of_any_length_still_fits_into_a_jpeg() -> None:
    data = encode(soft(), "jpeg", text={"prompt": "x" * 100_000})
    assert read_image(data, max_pixels=10**6).shape == (64, 96, 4)


def test_the_same_picture_gives_the_same_bytes() -> None:
    for output_format in ("png", "jpeg", "webp"):
        assert encode(soft(), output_format) == encode(soft(), output_format)
