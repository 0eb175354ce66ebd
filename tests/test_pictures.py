"""Images as a program holds them: how they show themselves, and what can be sent as one."""

import io
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from limner.errors import InvalidRequest
from limner.pictures import Image, Images, read_sources, to_data_uri


def draw(format: str, mode: str = "RGB") -> bytes:
    """A small picture as a file."""
    out = io.BytesIO()
    PIL.Image.new(mode, (8, 6), "red").save(out, format)
    return out.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_an_image_shows_itself_in_a_notebook(format: str) -> None:
    image = Image(draw(format), seed=7)
    with PIL.Image.open(io.BytesIO(image._repr_png_())) as shown:
        assert (shown.format, shown.size) == ("PNG", (8, 6))
    assert f"data:image/{format.lower()};base64," in Images([image, image])._repr_html_()
    assert repr(image) == "Image(seed=7, warnings=(), generation_id=None, url=None)"


def test_an_image_can_be_saved_and_opened(tmp_path: Path) -> None:
    image = Image(draw("WEBP"), seed=7)
    image.save(str(tmp_path / "ox.webp"))
    assert (tmp_path / "ox.webp").read_bytes() == image.bytes
    assert image.pillow().getpixel((1, 1))[0] > 200  # type: ignore[index]


def test_every_kind_of_source_is_read(tmp_path: Path) -> None:
    data = draw("PNG")
    (tmp_path / "red.png").write_bytes(data)
    local = [tmp_path / "red.png", str(tmp_path / "red.png"), data, bytearray(data), Image(data, 1)]
    assert list(read_sources(local, "input_image")) == [(f"input_image[{i}]", data) for i in range(5)]  # type: ignore[arg-type]
    for text in ("https://example.org/ox.png", to_data_uri(data)):
        assert list(read_sources(text, "mask")) == [("mask", text)]
    ((_, png),) = read_sources(PIL.Image.new("LA", (8, 6)), "mask")
    assert png[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("source", "says"),
    [(7, "mask must be a path, bytes, an image, a URL"), (PIL.Image.new("CMYK", (8, 6)), "convert it to RGB")],
)
def test_what_is_no_image_is_refused(source: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        list(read_sources(source, "mask"))


def test_a_missing_file_is_pythons_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        list(read_sources(tmp_path / "absent.png", "mask"))
