"""Images as a Python program holds them: those that come back, and those it sends. No HTTP and no engine."""

import base64
import builtins
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from limner.errors import InvalidRequest

if TYPE_CHECKING:
    import PIL.Image

Source: TypeAlias = "str | Path | bytes | Image | PIL.Image.Image"
"""One input: a path, the bytes of a file, an image of ours or of Pillow, a URL or a `data:` URI."""
Sources: TypeAlias = "Source | list[Source] | tuple[Source, ...]"

MEDIA_TYPES = {b"\xff\xd8": "image/jpeg", b"RI": "image/webp"}
"""By the first two bytes; whatever else it is goes as PNG, and who reads it looks at the content."""


@dataclass(frozen=True)
class Image:
    """A finished image. A notebook shows it where it is the last thing in a cell."""

    bytes: builtins.bytes = field(repr=False)
    """The file, in the `output_format` that was asked for."""
    seed: int
    warnings: tuple[str, ...] = ()
    """What was asked and could not be honoured."""
    generation_id: str | None = None
    """None if no server made it."""
    url: str | None = None
    """Where the server keeps it, for as long as the link is valid."""

    def save(self, path: str | Path) -> None:
        """Write the file as it is; its format does not follow the name."""
        Path(path).write_bytes(self.bytes)

    def pillow(self) -> "PIL.Image.Image":
        """The image for Pillow, decoded."""
        import PIL.Image

        image = PIL.Image.open(io.BytesIO(self.bytes))
        image.load()
        return image

    def _repr_png_(self) -> builtins.bytes:
        return self.bytes if media_type(self.bytes) == "image/png" else _to_png(self.pillow())


class Images(tuple[Image, ...]):
    """The images of one request, in order. A notebook shows them side by side."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return "\n".join(f'<img src="{to_data_uri(image.bytes)}" style="max-width: 24em">' for image in self)


def media_type(data: bytes) -> str:
    """`image/png`, `image/jpeg` or `image/webp`."""
    return MEDIA_TYPES.get(data[:2], "image/png")


def to_data_uri(data: bytes) -> str:
    """The file of an image as a `data:` URI."""
    return f"data:{media_type(data)};base64,{base64.b64encode(data).decode()}"


def read_sources(sources: Sources, field: str) -> Iterator[tuple[str, str | bytes]]:
    """The name and the content of each input: the bytes of what is here, the text of a URL or a `data:` URI.

    A missing file is Python's own FileNotFoundError, what is none of these an InvalidRequest that names the field.
    """
    many = list(sources) if isinstance(sources, list | tuple) else [sources]
    for i, source in enumerate(many):
        name = field if len(many) == 1 else f"{field}[{i}]"
        yield name, _read(source, name)


def _read(source: Any, name: str) -> str | bytes:
    if isinstance(source, str) and source.lower().startswith(("data:", "http://", "https://")):
        return source
    if isinstance(source, str | Path):
        return Path(source).read_bytes()
    if isinstance(source, Image):
        return source.bytes
    if isinstance(source, bytes | bytearray):
        return bytes(source)
    if hasattr(source, "getbands"):  # Pillow's, without loading it
        return _to_png(source)
    raise InvalidRequest(
        f"{name} must be a path, bytes, an image, a URL or a data URI, not {type(source).__name__}", field=name
    )


def _to_png(image: "PIL.Image.Image") -> bytes:
    out = io.BytesIO()
    try:
        image.save(out, "PNG")
    except OSError:
        raise InvalidRequest(f"An image of mode {image.mode} cannot become PNG; convert it to RGB or RGBA.") from None
    return out.getvalue()
