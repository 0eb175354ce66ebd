"""A small picture of a stored one, for lists. It stores nothing and knows no path."""

import io

from PIL import Image

LONGEST_SIDE = 384
MEDIA_TYPE = "image/webp"


def make_thumbnail(data: bytes) -> bytes:
    """A WebP of at most LONGEST_SIDE pixels a side, of an image that this server made itself."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX, reducing_gap=1.0)
        out = io.BytesIO()
        image.save(out, "WEBP", quality=80, method=1)
    return out.getvalue()
