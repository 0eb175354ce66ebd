"""Bytes from anywhere to safe pixels: PNG, JPEG or WebP by content, upright, in sRGB, as RGBA. It fetches nothing."""

import base64
import binascii
import io
import re
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from limner.errors import InvalidRequest, TooLarge
from limner.images import headers

Pixels = NDArray[np.uint8]
"""uint8 RGBA with straight alpha, shape (height, width, 4)."""

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
MAX_SIDE = 16_384
_ORIENTATION_TAG = 0x0112
_DATA_URI = re.compile(r"data:image/[a-z0-9.+-]{1,40}(?:;[a-z0-9-]{1,40}=[^;,]{0,200})*;base64,", re.IGNORECASE)
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
)
"""What Pillow raises on bytes that are not the picture they claim to be."""

# Pillow only warns a little above its limit of pixels; as an error it stops there too. What it says about broken
# metadata, which spoils no picture, would let a caller fill the log.
warnings.simplefilter("error", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def parse_data_uri(text: str, max_bytes: int, *, field: str | None = None) -> bytes:
    """The bytes of a `data:image/...;base64,` URI of at most `max_bytes`; InvalidRequest or TooLarge otherwise."""
    head = _DATA_URI.match(text)
    if head is None:
        raise InvalidRequest(f"{field or 'the image'} is not a `data:image/...;base64,` URI", field=field)
    payload = text[head.end() :].encode("ascii", "replace")
    if b"\n" in payload or b" " in payload or b"\r" in payload or b"\t" in payload:  # else it is copied for nothing
        payload = payload.translate(None, b"\t\n\r ")
    if len(payload) // 4 * 3 > max_bytes + 2:
        raise TooLarge(f"{field or 'the image'} is larger than {max_bytes} bytes", field=field)
    try:
        data = base64.b64decode(payload + b"=" * (-len(payload) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{field or 'the image'} is a data URI whose base64 is broken", field=field) from None
    if not data:
        raise InvalidRequest(f"{field or 'the image'} is an empty data URI", field=field)
    if len(data) > max_bytes:
        raise TooLarge(f"{field or 'the image'} is larger than {max_bytes} bytes", field=field)
    return data


def read_media_type(data: bytes, *, max_pixels: int, field: str | None = None) -> str:
    """The media type of a picture by its content, after its size was checked and all of it was decoded."""
    with _open(data, max_pixels, field) as image:
        _load(image, field)
        return MEDIA_TYPES[image.format or ""]


def read_size(data: bytes, *, max_pixels: int, field: str | None = None) -> tuple[int, int]:
    """Width and height of a picture turned upright, by its header; most of what cannot be decoded is not found out."""
    with _open(data, max_pixels, field) as image:
        return image.size if _orientation(image) < 5 else image.size[::-1]


def read_image(data: bytes, *, max_pixels: int, field: str | None = None, needs_alpha: bool = False) -> Pixels:
    """Decode a PNG, JPEG or WebP upright into sRGB RGBA (height, width, 4); its first frame, if it is animated.

    Raises TooLarge over `max_pixels` pixels or 16384 a side (before anything is decoded) and InvalidRequest when the
    bytes are no such picture or end too early, or have no alpha where it is needed. `field` names the request field in
    the error.
    """
    with _open(data, max_pixels, field) as image:
        _load(image, field)
        if needs_alpha and not image.has_transparency_data:
            raise InvalidRequest(
                f"{field or 'the image'} has no alpha channel; its transparent pixels (alpha 0) mark what to edit",
                field=field,
            )
        orientation = _orientation(image)
        if image.format == "PNG":
            _rescale_clear_colour(image, depth=data[24])
        try:
            rgba = _to_rgba(image)
        except _BROKEN:
            raise _unreadable(field) from None
    return np.ascontiguousarray(_upright(rgba, orientation))


def _unreadable(field: str | None, found: str = "not a whole") -> InvalidRequest:
    return InvalidRequest(f"{field or 'the image'} is {found} PNG, JPEG or WebP picture", field=field)


def _open(data: bytes, max_pixels: int, field: str | None) -> Image.Image:
    """The picture, its header read and its size in bounds; not yet decoded."""
    Image.MAX_IMAGE_PIXELS = max_pixels
    format = headers.find_format(data)
    if format not in headers.FORMATS:
        raise _unreadable(field, f"{format}, not a" if format else "not a whole")
    try:
        size = headers.read_size(data, format)
    except ValueError:
        raise _unreadable(field) from None
    _check_size(size, max_pixels, field)
    try:
        if format == "PNG":
            data = headers.strip_png(data)
        if format == "JPEG":
            headers.check_jpeg(data)
        image = Image.open(io.BytesIO(data), formats=[format])
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, *_BROKEN):
        raise _unreadable(field) from None
    if image.size != size:
        raise _unreadable(field)
    return image


def _check_size(size: tuple[int, int], max_pixels: int, field: str | None) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise _unreadable(field)
    if width > MAX_SIDE or height > MAX_SIDE:
        raise TooLarge(
            f"{field or 'the image'} is {width}x{height}; a side may have at most {MAX_SIDE} pixels", field=field
        )
    if width * height > max_pixels:
        raise TooLarge(f"{field or 'the image'} has more than {max_pixels} pixels", field=field)


def _load(image: Image.Image, field: str | None) -> None:
    try:
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, *_BROKEN):
        raise _unreadable(field) from None


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when there is none or the EXIF is broken, which spoils no picture."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(rgba: Pixels, orientation: int) -> Pixels:
    """Undo the camera's orientation: 5 to 8 swap the sides, then columns or rows are mirrored (EXIF 2.32, 4.6.4)."""
    if orientation >= 5:
        rgba = rgba.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        rgba = rgba[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgba = rgba[::-1]
    return rgba


def _to_rgba(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):
        return _from_deep_grey(image)
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA", "1") or "transparency" in image.info:
        image = image.convert("RGBA")
    if profile:
        image = _to_srgb(image, profile)
    return np.asarray(image.convert("RGBA"), dtype=np.uint8)


def _rescale_clear_colour(image: Image.Image, depth: int) -> None:
    """Bring a PNG's one clear colour to the 8 bits that Pillow gives the pixels; it leaves it at the file's depth."""
    clear = image.info.get("transparency")
    if isinstance(clear, int) and image.mode == "L":
        image.info["transparency"] = clear * 255 // (2**depth - 1)
    elif isinstance(clear, tuple) and depth == 16:
        image.info["transparency"] = tuple(channel >> 8 for channel in clear)


def _from_deep_grey(image: Image.Image) -> Pixels:
    """16-bit grey scaled to 8 bits: Pillow's own conversion would clip everything above 255 to white."""
    deep = np.asarray(image).clip(0, 65_535)
    scaled = deep.astype(np.uint32)
    scaled *= 255  # in place: such a picture may have as many pixels as any other
    scaled += 32_767
    scaled //= 65_535
    rgba = np.full((*deep.shape, 4), 255, np.uint8)
    rgba[..., :3] = scaled[..., None]
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        rgba[deep == clear, 3] = 0
    return rgba


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture in sRGB as its embedded profile says; unchanged if the profile is sRGB, broken or of another mode."""
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    colour = image.convert(image.mode[:-1]) if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if ImageCms.getProfileDescription(source).strip().startswith("sRGB"):
            return image
        converted = ImageCms.profileToProfile(colour, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, *_BROKEN):
        return image
    if converted is None:
        return image
    if alpha:
        converted.putalpha(alpha)
    return converted
