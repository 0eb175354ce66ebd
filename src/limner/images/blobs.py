"""Where the bytes of images lie: a path or a digest to bytes, and signatures for paths. It knows no rows, no routes."""

import asyncio
import errno
import hashlib
import hmac
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore

from limner.errors import DiskFull, NotFound, StorageFailed
from limner.images import shelves
from limner.wire import OutputFormat

KEY_FILE = "url-signing.key"


def result_path(namespace: str, generation_id: str, output_format: OutputFormat) -> str:
    """Where the image of a generation lies, in the store and (after /api/repos/) in its URL."""
    return f"{namespace}/generations/file/main/{generation_id}.{output_format}"


def preview_path(namespace: str, generation_id: str, index: int, output_format: OutputFormat) -> str:
    """The path of the partial image `index` (from 0) of a generation, in its URL and for `put_preview`."""
    return f"{namespace}/generations/file/main/previews/{generation_id}/{index}.{output_format}"


class Blobs:
    """The image store of one data folder. Objects appear whole or not at all, and survive a power cut once put."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images = folder / shelves.IMAGES
        self._images.mkdir(parents=True, exist_ok=True)
        self._store = LocalStore(str(self._images))
        self._key: bytes | None = None

    async def put(self, path: str, data: bytes) -> None:
        """Store `data` under `path` (segments joined by `/`), replacing what was there; StorageFailed if it cannot."""
        await self._put(path, data)
        try:
            await asyncio.to_thread(_sync_to_disk, self._images, path)
        except OSError as error:
            raise _not_stored(error) from error

    async def _put(self, path: str, data: bytes) -> None:
        try:
            await obstore.put_async(self._store, path, data)
        except (BaseError, OSError) as error:
            raise _not_stored(error) from error

    async def get(self, path: str) -> bytes:
        """The bytes stored under `path`; NotFound if there are none, StorageFailed if they cannot be read."""
        try:
            found = await obstore.get_async(self._store, path)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            raise NotFound("there is no image at this path") from None
        except (BaseError, OSError) as error:
            raise StorageFailed("the image could not be read") from error

    async def size(self, path: str) -> int:
        """How many bytes are stored under `path`; NotFound if nothing is."""
        try:
            return (await obstore.head_async(self._store, path))["size"]
        except (NotFoundError, FileNotFoundError):
            raise NotFound("there is no image at this path") from None
        except (BaseError, OSError) as error:
            raise StorageFailed("the image store could not be read") from error

    async def exists(self, path: str) -> bool:
        """Whether something is stored under `path`."""
        try:
            await self.size(path)
        except NotFound:
            return False
        return True

    async def delete(self, path: str) -> None:
        """Remove what is stored under `path`, if anything is."""
        try:
            await obstore.delete_async(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise StorageFailed("the image could not be removed") from error

    async def put_preview(self, path: str, data: bytes) -> None:
        """Store a partial image, on a shelf that `drop_previews` clears and without waiting for the disk."""
        await self._put(f"{shelves.PREVIEWS}/{path}", data)

    async def get_preview(self, path: str) -> bytes:
        """The bytes of a partial image; NotFound if there is none, or none any more."""
        return await self.get(f"{shelves.PREVIEWS}/{path}")

    async def drop_previews(self, older_than_seconds: float) -> int:
        """Remove the partial images of long ago; returns how many went."""
        horizon = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        dropped = 0
        try:
            async for found in obstore.list(self._store, shelves.PREVIEWS):
                for one in found:
                    if one["last_modified"] < horizon:
                        await self.delete(one["path"])
                        dropped += 1
        except (BaseError, OSError) as error:
            raise StorageFailed("the image store could not be read") from error
        return dropped

    async def put_input(self, data: bytes) -> str:
        """Store a normalised input image by its content; answers its digest (SHA-256, hex)."""
        return await self._put_by_digest(shelves.INPUTS, data)

    async def get_input(self, digest: str) -> bytes:
        """The bytes of the input image with this digest; NotFound if it was never stored."""
        return await self.get(shelves.digest_path(shelves.INPUTS, digest))

    async def put_asset(self, data: bytes) -> str:
        """Store the bytes of a caller's file by their content; answers their digest (SHA-256, hex)."""
        return await self._put_by_digest(shelves.ASSETS, data)

    async def get_asset(self, digest: str) -> bytes:
        """The bytes of the caller's file with this digest; NotFound if it was never stored."""
        return await self.get(shelves.digest_path(shelves.ASSETS, digest))

    async def _put_by_digest(self, shelf: str, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        path = shelves.digest_path(shelf, digest)
        if not await asyncio.to_thread(shelves.make_young, self._folder, path):
            await self.put(path, data)
        return digest

    def sign(self, path: str, expires_at: int) -> str:
        """The signature that opens `path` until `expires_at` (unix seconds), as hex."""
        return hmac.new(self._signing_key(), f"{expires_at}\n{path}".encode(), hashlib.sha256).hexdigest()

    def verify(self, path: str, expires_at: int, signature: str, now: float) -> bool:
        """Whether `signature` opens `path` at `now` (unix seconds)."""
        genuine = hmac.compare_digest(self.sign(path, expires_at).encode(), signature.encode())
        return genuine and now < expires_at

    def _signing_key(self) -> bytes:
        if self._key is None:
            try:
                self._key = _read_or_make_key(self._folder / KEY_FILE)
            except OSError as error:
                raise StorageFailed("the key that signs links cannot be read or made") from error
        return self._key


def _not_stored(error: BaseError | OSError) -> StorageFailed:
    """What a caller may see. obstore tells the number of a system's error in its text alone."""
    number = re.search(r"\(os error (\d+)\)", str(error)) if isinstance(error, BaseError) else None
    full = (int(number[1]) if number else getattr(error, "errno", None)) in (errno.ENOSPC, errno.EDQUOT)
    return DiskFull() if full else StorageFailed("the image could not be stored")


def _sync_to_disk(root: Path, path: str) -> None:
    """Flush a file and the folders that name it: a row that names an image must never outlive the image."""
    for name in (Path(path), *Path(path).parents):
        handle = os.open(root / name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read_or_make_key(path: Path) -> bytes:
    """The 32 secret bytes in `path` (mode 0600), made on first use; of two makers at once, the first wins."""
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
