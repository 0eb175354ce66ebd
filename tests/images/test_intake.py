"""Intake on truth: what a viewer would show is what comes out, and what is no picture is refused by name."""

import base64
import io
import random
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from limner.errors import CallerError, InvalidRequest, TooLarge
from limner.images.intake import Pixels, parse_data_uri, read_image, read_media_type

LIMIT = 1_000_000
RED, GREEN, BLUE, WHITE = [255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [255, 255, 255, 255]


def save(image: Image.Image, form: str = "PNG", **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def read(data: bytes) -> Pixels:
    return read_image(data, max_pixels=LIMIT)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(size: tuple[int, int], depth: int, colour: int, row: bytes, *extra: bytes) -> bytes:
    """A PNG by hand, for what Pillow reads but does not write."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    )


@pytest.fixture
def noise() -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (11, 7, 4), dtype=np.uint8)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_rgba_comes_out_as_it_went_in(form: str, noise: Pixels) -> None:
    data = save(Image.fromarray(noise), form, **({"lossless": True, "exact": True} if form == "WEBP" else {}))
    assert np.array_equal(read(data), noise)


def test_a_picture_without_alpha_is_opaque(noise: Pixels) -> None:
    rgba = read(save(Image.fromarray(noise[..., :3])))
    assert np.array_equal(rgba[..., :3], noise[..., :3])
    assert (rgba[..., 3] == 255).all()


def test_grey_and_its_alpha_become_colour() -> None:
    grey = np.array([[0, 100, 255]], np.uint8)
    assert read(save(Image.fromarray(grey))).tolist() == [[[0, 0, 0, 255], [100, 100, 100, 255], WHITE]]
    both = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(255 - grey)])
    assert read(save(both)).tolist() == [[[0, 0, 0, 255], [100, 100, 100, 155], [255, 255, 255, 0]]]


def test_black_and_white_is_not_grey() -> None:
    assert read(png((2, 1), 1, 0, b"\x80")).tolist() == [[WHITE, [0, 0, 0, 255]]]


def test_a_palette_gives_its_colours_and_its_alpha() -> None:
    palette = chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    data = png((2, 1), 8, 3, bytes([1, 0]), palette, chunk(b"tRNS", bytes([128])))
    assert read(data).tolist() == [[[40, 50, 60, 255], [10, 20, 30, 128]]]


@pytest.mark.parametrize(
    ("depth", "colour", "row", "clear"),
    [
        (2, 0, b"\x90", struct.pack(">H", 1)),
        (4, 0, b"\x91", struct.pack(">H", 1)),
        (8, 0, b"\x09\x01", struct.pack(">H", 1)),
        (16, 0, b"\xff\xff\x12\x34", struct.pack(">H", 0x1234)),
        (8, 2, b"\x09\x09\x09\x01\x02\x03", struct.pack(">3H", 1, 2, 3)),
        (16, 2, b"\xff" * 6 + b"\x01\x02\x03\x04\x05\x06", b"\x01\x02\x03\x04\x05\x06"),
    ],
)
def test_the_one_clear_colour_of_a_png_is_clear_at_every_depth(
    depth: int, colour: int, row: bytes, clear: bytes
) -> None:
    assert read(png((2, 1), depth, colour, row, chunk(b"tRNS", clear)))[0, :, 3].tolist() == [255, 0]


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    data = png((4, 1), 16, 0, struct.pack(">4H", 0, 128, 32_768, 65_535))
    assert read(data)[0, :, 0].tolist() == [0, 0, 128, 255]


def test_sixteen_bit_colour_keeps_its_shade() -> None:
    assert read(png((1, 1), 16, 6, struct.pack(">4H", 65_535, 32_768, 0, 32_896))).tolist() == [[[255, 128, 0, 128]]]


def test_cmyk_becomes_the_colour_a_printer_meant() -> None:
    cyan, black = (255, 0, 0, 0), (0, 0, 0, 255)
    for ink, light in ((cyan, [0, 255, 255]), (black, [0, 0, 0])):
        rgba = read(save(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100))
        assert np.abs(rgba[8, 8, :3].astype(int) - light).max() <= 3


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (0, 2)), (3, (1, 2)), (4, (1, 0)), (5, (0, 0)), (6, (0, 1)), (7, (2, 1)), (8, (2, 0))],
)
@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_the_camera_is_held_upright(form: str, orientation: int, corner: tuple[int, int]) -> None:
    """A red pixel at the top left of what was stored, (row, column) of where a viewer shows it."""
    stored = np.zeros((2, 3, 3), np.uint8)
    stored[0, 0] = RED[:3]
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"lossless": True} if form == "WEBP" else {}
    upright = read(save(Image.fromarray(stored), form, exif=exif.tobytes(), **more))
    assert upright.shape == ((3, 2, 4) if orientation >= 5 else (2, 3, 4))
    assert upright[corner].tolist() == RED
    assert upright[..., 0].sum() == 255


def test_an_orientation_that_means_nothing_is_passed_over(noise: Pixels) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert np.array_equal(read(save(Image.fromarray(noise), exif=exif.tobytes())), noise)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_broken_exif_spoils_no_picture(noise: Pixels) -> None:
    for exif in (b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"):
        assert np.array_equal(read(save(Image.fromarray(noise), exif=exif)), noise)


def swapped_profile() -> bytes:
    """sRGB with the names of its red and blue primaries swapped: a picture in it shows red where it says blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmpX").replace(b"bXYZ", b"rXYZ").replace(b"tmpX", b"bXYZ")
    # Another description, since sRGB itself is left alone.
    return swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_an_embedded_profile_is_honoured(noise: Pixels) -> None:
    blue = np.zeros((4, 4, 4), np.uint8)
    blue[..., 2], blue[..., 3] = 255, 77
    shown = read(save(Image.fromarray(blue), icc_profile=swapped_profile()))
    assert np.abs(shown[0, 0].astype(int) - [255, 0, 0, 77]).max() <= 2


def test_srgb_and_broken_profiles_leave_every_pixel_alone(noise: Pixels) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"not a profile at all"):
        assert np.array_equal(read(save(Image.fromarray(noise), icc_profile=profile)), noise)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(form: str) -> None:
    red, blue = Image.new("RGBA", (4, 4), (255, 0, 0)), Image.new("RGBA", (4, 4), (0, 0, 255))
    more = {"lossless": True} if form == "WEBP" else {}
    shown = read(save(red, form, save_all=True, append_images=[blue], **more))
    assert shown.shape == (4, 4, 4)
    assert shown[0, 0].tolist() == RED


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_content_says_what_it_is(form: str) -> None:
    data = save(Image.new("RGB", (3, 3)), form)
    assert read_media_type(data, max_pixels=LIMIT) == f"image/{form.lower()}"


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused_however_well_pillow_knows_them(form: str) -> None:
    with pytest.raises(InvalidRequest, match="PNG, JPEG or WebP"):
        read(save(Image.new("RGB", (16, 16)), form))


@pytest.mark.parametrize("data", [b"", b"x", b"<ox/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="input_image is not a whole PNG, JPEG or WebP") as refused:
        read_image(data, max_pixels=LIMIT, field="input_image")
    assert refused.value.field == "input_image"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_ends_too_early_is_refused(form: str) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = save(Image.fromarray(rgb), form)
    for part in (len(data) // 3, len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(InvalidRequest):
            read(data[:part])


@pytest.mark.parametrize("factor", [1, 3])
def test_a_bomb_is_refused_by_its_header_alone(factor: int) -> None:
    """A little above Pillow's own limit it warns, far above it raises; here both are refused before any decoding."""
    side = 1_001 * factor
    claim = png((side, side), 8, 2, b"")
    with pytest.raises(TooLarge, match="more than 1000000 pixels"):
        read(claim)


def test_a_side_longer_than_16384_is_refused() -> None:
    with pytest.raises(TooLarge, match="16384"):
        read(png((16_385, 1), 8, 0, b""))


def test_no_mutation_gets_past_the_two_refusals(noise: Pixels) -> None:
    chance = random.Random(5)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(noise)
    seeds = [
        save(image.convert(mode), form, exif=exif.tobytes(), icc_profile=swapped_profile())
        for form, mode in (("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGBA"))
    ]
    for _ in range(600):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 3, 9))):
            data[chance.randrange(min(len(data), chance.choice((60, 10_000))))] = chance.randrange(256)
        try:
            rgba = read(bytes(data))
        except CallerError:
            continue
        except UserWarning:  # Pillow's remarks on metadata are errors under this test's filter, and ignored outside
            continue
        assert rgba.dtype == np.uint8
        assert rgba.shape[2] == 4


def test_a_data_uri_gives_its_bytes() -> None:
    data = save(Image.new("RGB", (2, 2)))
    text = base64.b64encode(data).decode()
    for head in ("data:image/png;base64,", "DATA:IMAGE/JPEG;BASE64,", "data:image/svg+xml;charset=utf-8;base64,"):
        assert parse_data_uri(head + text, LIMIT) == data
    assert parse_data_uri("data:image/png;base64," + text.rstrip("="), LIMIT) == data
    assert parse_data_uri("data:image/png;base64," + text[:20] + "\r\n " + text[20:], LIMIT) == data


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png,abc",
        "data:text/html;base64,aGk=",
        "data:;base64,aGk=",
        "data:image/png;base64,",
        "data:image/png;base64,a",
        "data:image/png;base64,a*b=",
        "data:image/png;base64,aGk=aGk=",
        "data:image/png;base64,äöü=",
        "http://127.0.0.1/x.png",
        "",
    ],
)
def test_a_data_uri_that_is_none_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^input_image ") as refused:
        parse_data_uri(text, LIMIT, field="input_image")
    assert refused.value.field == "input_image"


def test_a_data_uri_may_hold_exactly_the_limit() -> None:
    for size in (9, 10, 11):
        uri = "data:image/png;base64," + base64.b64encode(b"x" * size).decode()
        assert len(parse_data_uri(uri, size)) == size
        with pytest.raises(TooLarge, match="larger than"):
            parse_data_uri(uri, size - 1)
