"""What a header claims, in each format; tests/images/test_hostile.py holds the headers that lie."""

import io

import pytest
from PIL import Image

from limner.images import headers

SIZE = (37, 23)


def save(form: str, mode: str = "RGB", **more: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, SIZE).save(out, form, **more)
    return out.getvalue()


PICTURES = {
    "PNG": save("PNG"),
    "JPEG": save("JPEG"),
    "JPEG progressive": save("JPEG", progressive=True),
    "JPEG of ink": save("JPEG", "CMYK"),
    "WEBP lossy": save("WEBP"),
    "WEBP lossless": save("WEBP", lossless=True),
    "WEBP with alpha": save("WEBP", "RGBA"),
    "WEBP with camera": save("WEBP", exif=Image.Exif().tobytes()),
    "WEBP animated": save("WEBP", save_all=True, append_images=[Image.new("RGB", SIZE, "red")]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_format_and_size_are_read_without_decoding(name: str) -> None:
    data = PICTURES[name]
    assert headers.find_format(data) == name.split(maxsplit=1)[0]
    assert headers.read_size(data, name.split(maxsplit=1)[0]) == SIZE


def test_the_size_is_in_the_first_bytes() -> None:
    for name, data in PICTURES.items():
        assert headers.read_size(data[:700], name.split()[0]) == SIZE


def test_a_stripped_png_keeps_what_shows_and_drops_the_rest() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = save("PNG", "P", exif=exif.tobytes(), transparency=0, dpi=(72, 72))
    kept = headers.strip_png(data)
    assert b"pHYs" in data
    assert b"pHYs" not in kept
    assert all(kind in kept for kind in (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"))
    assert headers.strip_png(kept + b"rest") == kept


def test_a_jpeg_may_have_fifty_scans() -> None:
    data = save("JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    scans = data.count(b"\xff\xda")
    headers.check_jpeg(data[:-2] + scan * (headers.MAX_SCANS - scans) + b"\xff\xd9")
    with pytest.raises(ValueError, match="scans"):
        headers.check_jpeg(data[:-2] + scan * (headers.MAX_SCANS - scans + 1) + b"\xff\xd9")


def test_bytes_of_no_format_have_no_name() -> None:
    for data in (b"", b"x", b"\xff\xd8", b"RIFF", b"{}", bytes(99)):
        assert headers.find_format(data) is None
