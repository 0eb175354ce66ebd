"""Small pictures of stored ones."""

import io

import pytest
from PIL import Image

from limner.images.thumbnail import LONGEST_SIDE, make_thumbnail


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("size", "small"), [((1024, 1024), (384, 384)), ((1024, 1536), (256, 384)), ((64, 48), (64, 48))]
)
def test_a_small_picture_is_never_larger_and_never_out_of_shape(
    kind: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    with Image.open(io.BytesIO(make_thumbnail(out.getvalue()))) as image:
        assert max(image.size) <= LONGEST_SIDE
        assert all(abs(a - b) <= 1 for a, b in zip(image.size, small, strict=True))
        red, green, blue = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
        assert (red < 20, abs(green - 128) < 12, abs(blue - 128) < 12) == (True, True, True)
