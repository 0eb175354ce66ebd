"""Pictures made to do harm: each is refused by name, or gives the pixels that a viewer shows, and costs little."""

import io
import struct
import time
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from limner.errors import CallerError, InvalidRequest, TooLarge
from limner.images import headers
from limner.images.door import _normalise as normalise
from limner.images.intake import Pixels, read_image, read_media_type

LIMIT = 1_000_000
NOISE = np.random.default_rng(7).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def save(form: str, **more: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(NOISE).save(out, form, **more)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    *extra: bytes,
    size: tuple[int, int] = (4, 4),
    depth: int = 8,
    colour: int = 2,
    rows: bytes | None = None,
    lace: int = 0,
) -> bytes:
    """A PNG by hand: 4x4, black, unless told otherwise; `extra` stands before its pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, lace))
    body = chunk(b"IDAT", zlib.compress(bytes(13 * 4) if rows is None else rows))
    return headers.PNG_SIGNATURE + head + b"".join(extra) + body + chunk(b"IEND", b"")


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + bytes(8) + b"\0\0\0\x08mdat"


def jpeg_of(*segments: bytes, size: tuple[int, int] = (24, 16)) -> bytes:
    """A real JPEG whose frame claims `size`, with `segments` put in front."""
    data = bytearray(JPEG[:2] + b"".join(segments) + JPEG[2:])
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


PNG, JPEG, WEBP = save("PNG"), save("JPEG", quality=95), save("WEBP", lossless=True)
LAST_SCAN = save("JPEG", progressive=True)
LAST_SCAN = LAST_SCAN[LAST_SCAN.rindex(b"\xff\xda") : -2]
ENDLESS = zlib.compress(bytes(50_000_000))


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


BROKEN = {
    **{f"png cut at {end}": PNG[:end] for end in (1, 4, 8, 12, 16, 20, 28, 32, 33, 40, 300, -13, -12, -5, -1)},
    **{f"jpeg cut at {end}": JPEG[:end] for end in (2, 3, 4, 10, 20, 100, 300, 620, 700, -100, -2, -1)},
    **{f"webp cut at {end}": WEBP[:end] for end in (4, 8, 12, 16, 20, 24, 29, 30, 100, -200, -1)},
    "nothing": b"",
    "zeros": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "a jpeg behind a png's signature": PNG[:8] + JPEG,
    "a png behind a jpeg's start": JPEG[:2] + b"\xff" + PNG,
    "a sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30),
    "a film": b"RIFF\x24\0\0\0AVI LIST" + bytes(30),
    "a webp of nothing": webp(b"VP8X", bytes(10)),
    "a webp of an unknown kind": webp(b"VP8Z", bytes(30)),
    "a webp whose canvas lies": webp(b"VP8X", bytes(4) + b"\x63\0\0\x63\0\0") + WEBP[12:],
    "no width": png(size=(0, 4)),
    "no height": png(size=(4, 0)),
    "a jpeg without height": jpeg_of(size=(24, 0)),
    "a jpeg of five colours": JPEG.replace(b"\x00\x10\x00\x18\x03", b"\x00\x10\x00\x18\x05", 1),
    "two frames in a jpeg": jpeg_of(b"\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00"),
    "a jpeg of 51 scans": save("JPEG", progressive=True)[:-2] + LAST_SCAN * 51 + b"\xff\xd9",
    "a jpeg of 6000 comments": jpeg_of(b"\xff\xfe\x00\x02" * 6_000),
    "a jpeg segment longer than the file": jpeg_of(b"\xff\xe1\xff\xff"),
    "a jpeg segment shorter than its length": jpeg_of(b"\xff\xe1\x00\x01"),
    "a wrong checksum of the header": flip(PNG, 30),
    "a wrong checksum of the pixels": flip(PNG, len(PNG) - 14),
    "a wrong checksum of the end": flip(PNG, len(PNG) - 1),
    "a wrong checksum of a text": png(chunk(b"tEXt", b"a\0b")[:-1] + b"\0"),
    "a chunk of four gigabytes": PNG[:33] + b"\xff\xff\xff\xffIDAT" + PNG[33:],
    "a negative chunk": PNG[:33] + b"\x80\0\0\0tEXt" + PNG[33:],
    "a chunk with an odd name": png(chunk(b"a\0b!", b"")),
    "an unknown chunk that matters": png(chunk(b"ABCD", b"")),
    "a second header": png(PNG[8:33]),
    "a header that is not first": PNG[:8] + chunk(b"tEXt", b"a\0b") + PNG[8:],
    "a header of twelve bytes": headers.PNG_SIGNATURE + chunk(b"IHDR", bytes(12)) + PNG[33:],
    "no pixels": headers.PNG_SIGNATURE + PNG[8:33] + chunk(b"IEND", b""),
    "an end before the pixels": PNG[:33] + chunk(b"IEND", b"") + PNG[33:],
    "a depth of three": png(depth=3),
    "a depth that its colour has not": png(depth=4),
    "a colour of seven": png(colour=7),
    "an unknown interlacing": png(lace=7),
    "all rows but the last": png(rows=bytes(13 * 3)),
    "a last row of all bytes but one": png(rows=bytes(13 * 4 - 1)),
    "an interlaced picture without its last pass": png(rows=bytes(4 + 4 + 7 + 2 * 7), lace=1),
    "a palette's bits, one row short": png(chunk(b"PLTE", bytes(6)), size=(9, 3), depth=1, colour=3, rows=bytes(6)),
    "an unknown filter": png(rows=b"\x09" + bytes(12) + bytes(13 * 3)),
    "pixels that are no zlib": PNG[:33] + chunk(b"IDAT", b"not zlib at all") + chunk(b"IEND", b""),
    "an endless profile": png(chunk(b"iCCP", b"x\0\0" + ENDLESS)),
    "60000 private chunks": png(chunk(b"prVt", b"") * 60_000),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_or_a_bomb_is_refused(name: str) -> None:
    began = time.process_time()
    for read in (read_image, read_media_type):
        with pytest.raises(InvalidRequest, match=r"^mask is not a whole PNG, JPEG or WebP picture$") as refusal:
            read(BROKEN[name], max_pixels=LIMIT, field="mask")
        assert refusal.value.field == "mask"
    assert time.process_time() - began < 10


OTHERS = {
    "GIF": save("GIF"),
    "TIFF": save("TIFF"),
    "BMP": save("BMP"),
    "ICO": save("ICO"),
    "AVIF": box(b"avif"),
    "HEIC": box(b"heic"),
    "HEIC ": box(b"mif1"),
    "JPEG XL": b"\0\0\0\x0cJXL \r\n\x87\n",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "PSD": b"8BPS\0\1",
    "PDF": b"%PDF-1.7\n",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "SVG ": b'\xef\xbb\xbf <?xml version="1.0"?>\n<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<svg>&x;</svg>',
    "HTML": b"<!DOCTYPE html><html><body><svg></svg></body></html>",
    "HTML ": b"\n<html>",
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_format_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^mask is {name.strip()}, not a PNG, JPEG or WebP picture$"):
        read_image(OTHERS[name], max_pixels=LIMIT, field="mask")


HUGE = {
    "png header": png(size=(30_000, 30_000)),
    "png header and nothing else": png(size=(30_000, 30_000))[:33],
    "png of four thousand million": png(size=(2**32 - 1, 2**32 - 1)),
    "png just above": png(size=(1_001, 1_000)),
    "png line": png(size=(16_385, 1)),
    "png column": png(size=(1, 2**31)),
    "png whose ones fill 17 KB": png(size=(12_000, 12_000), depth=1, colour=0, rows=bytes(1_501 * 12_000)),
    "jpeg header": jpeg_of(size=(65_535, 65_535)),
    "jpeg just above": jpeg_of(size=(1_001, 1_000)),
    "webp canvas": webp(b"VP8X", b"\x10\0\0\0" + b"\xff" * 6 + WEBP[12:]),
    "webp lossy": webp(b"VP8 ", b"\x30\1\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(90)),
    "webp lossless": webp(b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(90)),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_size_above_the_limits_is_refused_by_the_header_alone(name: str) -> None:
    with pytest.raises(TooLarge, match=r"^mask (has more than 1000000 pixels|is \d+x\d+; a side may have)"):
        read_image(HUGE[name], max_pixels=LIMIT, field="mask")


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("x.html", "<script>alert(1)</script>")
    return out.getvalue()


def texts(form: str) -> Any:
    """Every kind of metadata that Pillow writes into a format, with a word to look for."""
    exif = Image.Exif()
    exif[0x010E], exif[0x8825] = "secret", {1: "N", 2: (52.0, 31.0, 0.0)}
    more: dict[str, Any] = {"exif": exif.tobytes()}
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "secret")
        info.add_text("zipped", "secret", zip=True)
        info.add_itxt("XML:com.adobe.xmp", "secret")
        return more | {"pnginfo": info}
    return more | {"xmp": b"secret"} | ({"comment": b"secret"} if form == "JPEG" else {})


FRAME = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 4, 4, 0, 0, 1, 10, 0, 0))
HARMLESS = {
    "a zip behind a png": PNG + archive(),
    "a page behind a png": PNG + b"<html><script>alert(1)</script></html>",
    "a zip behind a jpeg": JPEG + archive(),
    "a second jpeg behind a jpeg": JPEG + JPEG,
    "a page behind a webp": WEBP + b"<html><script>alert(1)</script></html>",
    "php in a jpeg's comment": save("JPEG", quality=95, comment=b"<?php system($_GET[0]); ?>"),
    **{f"metadata of {form}": save(form, **texts(form)) for form in ("PNG", "JPEG", "WEBP")},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_but_the_pixels_goes_on(name: str) -> None:
    data = HARMLESS[name]
    rgba = read_image(data, max_pixels=LIMIT)
    assert rgba.shape == (16, 24, 4)
    if not data.startswith(b"\xff\xd8"):
        assert "lossless" if data.startswith(b"RIFF") and "metadata" in name else np.array_equal(rgba[..., :3], NOISE)
    stored, size = normalise(data, max_pixels=LIMIT)
    assert size == (24, 16)
    assert not any(word in stored for word in (b"secret", b"script", b"php", b"eXIf", b"tEXt", b"iCCP", b"PK\3\4"))
    assert np.array_equal(read_image(stored, max_pixels=LIMIT), rgba)


BLACK = {
    "a text of 5 MB": png(chunk(b"tEXt", b"a\0" + b"b" * 5_000_000)),
    "endless packed texts": png(*[chunk(b"zTXt", b"a\0\0" + ENDLESS)] * 20),
    "an endless international text": png(chunk(b"iTXt", b"a\0\1\0\0\0" + ENDLESS)),
    "pixels with an endless rest": png(rows=bytes(50_000_000)),
    "an interlaced picture": png(rows=bytes(4 + 4 + 7 + 2 * 7 + 2 * 13), lace=1),
    "an animation that claims a million frames": png(chunk(b"acTL", struct.pack(">II", 10**6, 0)), FRAME),
    "an animation of no frames": png(chunk(b"acTL", bytes(8))),
    "a broken animation": png(chunk(b"acTL", b""), chunk(b"fcTL", b"x"), chunk(b"fdAT", b"")),
    "a broken profile": png(chunk(b"iCCP", b"x\0\0" + zlib.compress(b"nonsense"))),
    "a profile that is no zlib": png(chunk(b"iCCP", b"x\0\0nonsense")),
    "a broken camera": png(chunk(b"eXIf", b"II*\0\xff\xff\xff\xff")),
    "a camera of 200 KB": png(chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 50_000)),
    "a private chunk": png(chunk(b"prVt", b"x" * 100)),
}  # fmt: skip


@pytest.mark.parametrize("name", BLACK)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_stands_beside_the_pixels_neither_spoils_nor_costs(name: str) -> None:
    began = time.process_time()
    rgba = read_image(BLACK[name], max_pixels=LIMIT)
    assert rgba.shape == (4, 4, 4)
    assert (rgba == [0, 0, 0, 255]).all()
    assert time.process_time() - began < 10


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9, 77, 65_535])
def test_a_jpeg_is_held_upright_whatever_its_camera_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgba = read_image(save("JPEG", quality=95, exif=exif.tobytes()), max_pixels=LIMIT)
    assert rgba.shape == ((24, 16, 4) if 5 <= orientation <= 8 else (16, 24, 4))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_orientation_may_be_of_any_type() -> None:
    for kind, value in ((2, b"six\0"), (7, b"\6\0\0\0"), (12, b"\xff" * 4), (99, b"\6\0\0\0")):
        exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1" + struct.pack("<HI", kind, 1) + value + bytes(4)
        rgba = read_image(jpeg_of(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif), max_pixels=LIMIT)
        assert rgba.shape in ((16, 24, 4), (24, 16, 4))


def test_ycck_becomes_the_colour_a_printer_meant() -> None:
    """Grey 200 as luma with neutral chroma and no black, stored inverted as Adobe does."""
    out = io.BytesIO()
    Image.new("CMYK", (16, 16), (200, 127, 127, 0)).save(out, "JPEG", quality=100)
    data = bytearray(out.getvalue())
    data[data.index(b"Adobe") + 11] = 2
    rgba: Pixels = read_image(bytes(data), max_pixels=LIMIT)
    assert np.abs(rgba[8, 8, :3].astype(int) - 200).max() <= 3


def test_one_bit_palettes_have_transparency_too() -> None:
    data = png(
        chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])),
        chunk(b"tRNS", b"\0"),
        size=(2, 1),
        depth=1,
        colour=3,
        rows=b"\0\x40",
    )
    assert read_image(data, max_pixels=LIMIT).tolist() == [[[10, 20, 30, 0], [40, 50, 60, 255]]]


def test_every_case_of_this_page_is_the_caller_s_fault() -> None:
    assert len(BROKEN) + len(OTHERS) + len(HUGE) + len(HARMLESS) + len(BLACK) > 100
    assert issubclass(InvalidRequest, CallerError)
    assert issubclass(TooLarge, CallerError)
