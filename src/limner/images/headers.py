"""What the bytes of a picture claim, read without decoding a pixel: format, size, and what would make it a bomb.

It allocates nothing by what a header says. Whether the claims are true is found out by the decoder, except that a PNG
holds all its rows: the decoder leaves those that are missing black.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator

from isal import igzip_lib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FORMATS = ("PNG", "JPEG", "WEBP")
OTHER_FORMATS = (
    ("GIF", rb"GIF8[79]a"),
    ("TIFF", rb"II[*+]\0|MM\0[*+]"),
    ("AVIF", rb".{4}ftypavi[fs]"),
    ("HEIC", rb".{4}ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)"),
    ("JPEG XL", rb"\xff\n|\0\0\0\x0cJXL "),
    ("JPEG 2000", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  "),
    ("ICO", rb"\0\0[\1\2]\0"),
    ("PSD", rb"8BPS"),
    ("PDF", rb"%PDF-"),
    ("BMP", rb"BM"),
    ("SVG", rb"\s*(?:\xef\xbb\xbf)?\s*(?=<\?xml|<!--|<!DOCTYPE svg|<svg)(?:(?!<html).)*<svg"),
    ("HTML", rb"\s*(?:\xef\xbb\xbf)?\s*(?:<!DOCTYPE html|<html|<head|<!--)"),
)
"""Known by name only, so that their refusal can say what was sent."""
_OTHERS = [(name, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for name, pattern in OTHER_FORMATS]
_SEEN_BYTES = 1_000

MAX_CHUNKS = 50_000
"""Chunks of one PNG: six times as many as 50 MB in the usual 8 KB pieces."""
MAX_SEGMENTS = 5_000
MAX_SCANS = 50
"""Scans of one JPEG; cameras and programs write at most a dozen. Each costs a walk over all pixels, in a few bytes."""
_SHOWS = {b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"eXIf", b"IDAT", b"IEND"}
"""The chunks of a PNG that say how its first picture looks."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By a PNG's type of colour."""
_WHOLE = ((0, 0, 1, 1),)
_LACED = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""The passes of a PNG, plain and interlaced: first column, first row, and the steps to the next (PNG 1.2, 2.6)."""
_PIECE_BYTES = 1 << 20

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""A marker of JPEG other than those that only keep step inside a scan."""
_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""The markers of a JPEG's frame header."""
_SCAN, _END, _ALONE = 0xDA, 0xD9, (0x01, 0xD8)


def find_format(data: bytes) -> str | None:
    """PNG, JPEG or WEBP, or the name of another known format; None if the first bytes are of none."""
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return next((name for name, pattern in _OTHERS if pattern.match(data[:_SEEN_BYTES])), None)


def read_size(data: bytes, format: str) -> tuple[int, int]:
    """(width, height) as the header of a PNG, JPEG or WEBP claims; ValueError if there is no such header."""
    if format == "PNG":
        if data[12:16] != b"IHDR" or len(data) < 33:
            raise ValueError("no IHDR")
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if format == "WEBP":
        return _webp_size(data)
    for marker, position in _jpeg_segments(data):
        if marker in _SIZES:
            return int.from_bytes(data[position + 5 : position + 7]), int.from_bytes(data[position + 3 : position + 5])
    raise ValueError("no frame header")


def strip_png(data: bytes) -> bytes:
    """A PNG without the chunks that show nothing (texts, animation, private ones); ValueError unless it is whole.

    Every checksum up to the end is verified: the decoder looks only at some of them.
    """
    view, position = memoryview(data), len(PNG_SIGNATURE)
    kept = [view[:position]]
    packed: list[memoryview] = []
    for _ in range(MAX_CHUNKS):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if end > len(data) or zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise ValueError("a chunk is cut off or altered")
        if kind in _SHOWS:
            kept.append(view[position:end])
            if kind == b"IDAT":
                packed.append(view[position + 8 : end - 4])
        elif kind[:1].isupper() or not kind.isalpha():
            raise ValueError("a chunk that must be understood is unknown")
        if kind == b"IEND":
            _check_rows(data[16:29], packed)
            return b"".join(kept)
        position = end
    raise ValueError("too many chunks")


def _check_rows(header: bytes, packed: Iterable[memoryview]) -> None:
    """ValueError unless the packed rows of a PNG are as many bytes as its header (from its width on) says."""
    width, height, depth, colour, _, _, laced = struct.unpack(">IIBBBBB", header)
    missing = 0
    for left, top, across, down in _LACED if laced else _WHOLE:
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            missing += rows * (1 + (columns * depth * _CHANNELS[colour] + 7) // 8)
    stream = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_ZLIB)
    try:
        for part in packed:
            missing -= len(stream.decompress(part, _PIECE_BYTES))
            while missing > 0 and not stream.needs_input:
                missing -= len(stream.decompress(b"", _PIECE_BYTES))
            if missing <= 0:
                return
    except (igzip_lib.error, EOFError):  # type: ignore[misc]  # the stream is broken, or over
        pass
    raise ValueError("rows are missing")


def check_jpeg(data: bytes) -> None:
    """ValueError unless a JPEG goes on to its end marker in a sane number of segments and scans."""
    scans = 0
    for marker, _ in _jpeg_segments(data):
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            raise ValueError("too many scans")
    if not scans:
        raise ValueError("no scan")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker and the position of its length, up to the end marker of the first picture."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None:
            raise ValueError("no end marker")
        marker, position = found[1][0], found.end()
        if marker == _END:
            return
        if marker not in _ALONE:
            length = int.from_bytes(data[position : position + 2])
            if length < 2 or position + length > len(data):
                raise ValueError("a segment is cut off")
            yield marker, position
            position += length
    raise ValueError("too many segments")


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if len(data) < 30:
        raise ValueError("cut off")
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise ValueError("no picture")
