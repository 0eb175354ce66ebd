"""The files of an image store as a whole: which there are, and how one is removed while others are stored.

It knows no rows: who calls says which paths are named. A file is stored, or found stored already and made young, before
a row names it; whoever removes looks at its age and removes it under one lock. So nothing goes that a row will name.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from limner.errors import StorageFailed

IMAGES = "images"
"""Folder of the store in the data folder."""
INPUTS = "_inputs"
ASSETS = "_assets"
PREVIEWS = "_previews"
LOCK_FILE = "images.lock"
_DIGEST = rf"(?:{INPUTS}|{ASSETS})/[0-9a-f]{{2}}/[0-9a-f]{{64}}"
_RESULT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}/generations/file/main/[0-9a-f-]{36}\.(?:png|jpeg|webp)"
_BLOB = re.compile(rf"{_DIGEST}|{_RESULT}")
_OURS = re.compile(rf"(?:{_DIGEST}|{_RESULT})(?:#[0-9]+)?|{PREVIEWS}/.+", re.DOTALL)
"""A number after `#` is that of a file that was never finished: so the store names them."""


class Blob(NamedTuple):
    """One file of the store."""

    path: str
    """As in `Blobs`: relative, with `/`."""
    file: Path
    size: int
    """Bytes."""
    modified_at: float
    """Unix seconds."""


def digest_path(shelf: str, digest: str) -> str:
    """A shelf begins with `_`, which no namespace does; two letters a folder keep folders small."""
    return f"{shelf}/{digest[:2]}/{digest}"


def is_blob(path: str) -> bool:
    """Whether an input, an asset or a result may lie at this path; never a path that leads out of the store."""
    return _BLOB.fullmatch(path) is not None


def walk(data: Path) -> Iterator[Blob]:
    """Every file that the store of a data folder made, unfinished ones and previews included; no others."""
    images = data / IMAGES
    for folder, _, names in os.walk(images):
        for file in (Path(folder, name) for name in names):
            path = file.relative_to(images).as_posix()
            if _OURS.fullmatch(path) is None:
                continue
            try:
                status = file.lstat()
            except FileNotFoundError:  # a preview, or a finished one that has its own name by now
                continue
            yield Blob(path, file, status.st_size, status.st_mtime)


@contextmanager
def hold(data: Path, *, to_remove: bool = False) -> Iterator[None]:
    """While it lasts, nobody removes; `to_remove` waits until nobody holds. StorageFailed if it cannot be."""
    try:
        lock = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageFailed(f"The image store cannot be locked: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if to_remove else fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def make_young(data: Path, path: str) -> bool:
    """Keep a stored file from being removed for as long as a new one; whether it is there."""
    with hold(data):
        try:
            os.utime(data / IMAGES / path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageFailed("the image store could not be read") from error
        return True


def remove(data: Path, blob: Blob, older_than_seconds: float) -> bool:
    """Remove a file if it is that old still; whether it went."""
    with hold(data, to_remove=True):
        try:
            if blob.file.lstat().st_mtime >= time.time() - older_than_seconds:
                return False
            blob.file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageFailed(f"An image could not be removed: {error.strerror}.") from error
        return True
