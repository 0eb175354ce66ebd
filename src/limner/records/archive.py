"""A tar file of named files with a manifest of their SHA-256: written once, read whole or refused. It knows no table.

The manifest is the last member, since digests are known only once the files were read; a file without one was cut off.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from limner.errors import InvalidRequest, StorageFailed

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CHUNK_BYTES: Final = 1 << 20


def write(target: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write the files under their names to a new file (mode 0600), on disk when this returns; StorageFailed if not."""
    digests = {}
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                for name, path in files:
                    with path.open("rb") as file:
                        hashed = _Hashed(file)
                        tar.addfile(_member(name, os.fstat(file.fileno()).st_size), hashed)
                        digests[name] = hashed.sha256.hexdigest()
                manifest = json.dumps({"format": FORMAT, "files": digests}).encode()
                tar.addfile(_member(MANIFEST, len(manifest)), BytesIO(manifest))
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise StorageFailed(f"The backup cannot be written: {error.strerror or error}.") from error


def unpack(source: Path, folder: Path, is_known: Callable[[str], bool]) -> None:
    """Unpack a file that `write` made into an empty folder; InvalidRequest, in one line, if it is anything else.

    Every member must be a plain file of a known name, there once and unaltered; what was unpacked before something
    wrong was met stays for the caller to remove.
    """
    try:
        with tarfile.open(source, "r:") as tar:
            _unpack(tar, folder, is_known)
    except (tarfile.TarError, EOFError, _Wrong) as error:
        raise InvalidRequest(f"{source} is not a whole backup: {error}.") from None
    except OSError as error:
        raise StorageFailed(f"{source} cannot be restored: {error.strerror or error}.") from error


class _Wrong(ValueError):
    """What is wrong with an archive."""


class _Hashed:
    """A file that is read, and the SHA-256 of what was."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _unpack(tar: tarfile.TarFile, folder: Path, is_known: Callable[[str], bool]) -> None:
    digests: dict[str, str] = {}
    manifest = None
    for member in tar:
        shown = ascii(member.name[:200])
        data = tar.extractfile(member) if member.type == tarfile.REGTYPE and not member.issparse() else None
        if data is None:
            raise _Wrong(f"its member {shown} is not a plain file")
        if manifest is not None or member.name in digests:
            raise _Wrong(f"its member {shown} is one too many")
        if member.name == MANIFEST:
            manifest = data.read()
            continue
        if not is_known(member.name):
            raise _Wrong(f"its member {shown} belongs to no backup")
        hashed, path = _Hashed(data), folder / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            while chunk := hashed.read():
                file.write(chunk)
        digests[member.name] = hashed.sha256.hexdigest()
    _check(manifest, digests)


def _check(manifest: bytes | None, digests: dict[str, str]) -> None:
    if manifest is None:
        raise _Wrong("it is damaged or cut off")
    try:
        said = json.loads(manifest)
        format, files = said["format"], said["files"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _Wrong("its manifest cannot be read") from None
    if format != FORMAT:
        raise _Wrong(f"its format is {ascii(format)[:20]}, and this Limner reads {FORMAT}")
    if files != digests:
        wrong = [name for name in digests if not isinstance(files, dict) or files.get(name) != digests[name]]
        raise _Wrong(f"its member {wrong[0]!a} is damaged" if wrong else "members of it are missing")
