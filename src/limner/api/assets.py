"""Files over HTTP: callers' own files, results behind signed links, the examples; and the reading of input images.

What stands on other servers is fetched by `limner.outbound`. Three kinds of repository answer under one address:
`{namespace}/generations` holds results (written by workers only), `limner/examples` ships with the package and is
open to all, everything else is what its namespace's owner stored.
"""

import asyncio
import base64
import hashlib
import re
import time
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from limner.api import answers
from limner.api.addresses import EXAMPLES_REPOSITORY, Address, find_own
from limner.api.auth import LOCAL_HOSTS, split_host
from limner.api.constraints import FILE_FIELDS, FORM, MAX_FILES, TEXT_FIELDS, text, whole
from limner.api.contract import ETAG, in_header, in_query, promise
from limner.errors import CallerError, Forbidden, InvalidRequest, NotFound, TooLarge
from limner.images.blobs import Blobs
from limner.images.door import find_media_type, normalise
from limner.images.encode import MEDIA_TYPES, media_type
from limner.images.intake import parse_data_uri
from limner.outbound import Outbound, show_url
from limner.records.assets import BRANCH, Asset, Assets
from limner.settings import Settings
from limner.wire import Generation

RESULTS_REPOSITORY: Final = "generations"
MAX_NAME_BYTES: Final = 255
MAX_PATH_CHARACTERS: Final = 1_000
_EXAMPLES_FOLDER = Path(__file__).parent / "examples"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESULT = re.compile(r"(previews/[0-9a-f-]{36}/[0-9]|[0-9a-f-]{36})\.(png|jpeg|webp)")
_AUTHOR = re.compile(r"(.*) <([^<>]*)>", re.DOTALL)

LINK = (
    in_query("expires", whole("Until when a link opens, in unix seconds; part of the link.", 0)),
    in_query("signature", text("What lets a link open without a key; part of the link.")),
    in_header("If-None-Match", text("The ETag of what you have: 304 if it is still the same.")),
)
FILE = {
    "description": "The bytes of the file.",
    "headers": ETAG,
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
}

Caller = Callable[[Request], Awaitable[str]]
"""Answers the namespace of the one who asks; Unauthenticated if nobody known does."""


@dataclass(frozen=True)
class FileContent:
    """The bytes of one file and what a reader must know of them."""

    data: bytes
    media_type: str
    digest: str
    fixed: bool
    """Whether the address can never answer other bytes."""


@dataclass(frozen=True)
class Upload:
    """One picture of a PUT, checked."""

    path: str
    data: bytes
    media_type: str


@dataclass(frozen=True)
class Files:
    """Every file of one installation: stored files, results and examples."""

    assets: Assets
    blobs: Blobs
    settings: Settings
    outbound: Outbound = field(default_factory=Outbound)

    def result_url(self, path: str, base: str) -> str:
        """The absolute URL that opens a result without a key until it expires; `base` is scheme and host."""
        expires = int(time.time()) + self.settings.url_seconds
        signature = self.blobs.sign(path, expires)
        return f"{base.rstrip('/')}/api/repos/{quote(path)}?expires={expires}&signature={signature}"

    async def show_result(self, generation: Generation, base: str, *, as_url: bool) -> dict[str, Any]:
        """A finished image as both dialects show it: by a link, or as base64. NotFound if it was deleted."""
        if generation.result_path is None:  # asked for again under an Idempotency-Key
            raise NotFound("The image was deleted by its owner.")
        shown: dict[str, Any] = {"seed": generation.plan.seed, "generation_id": generation.id}
        if as_url:
            return shown | {"url": self.result_url(generation.result_path, base)}
        data = await self.blobs.get(generation.result_path)
        return shown | {"b64_json": (await asyncio.to_thread(base64.b64encode, data)).decode()}

    async def read(self, address: Address, namespace: str | None) -> FileContent:
        """The file at an address for the caller of `namespace` (None: whoever holds the link).

        Raises Forbidden for a signature that is wrong or has expired, NotFound for what is not there or not theirs.
        """
        if address.is_link:
            self._check_signature(address)
        elif not address.is_example and address.namespace != namespace:
            raise NotFound(f"there is no repository {address.namespace}/{address.repo} of yours")
        if address.is_example:
            return await self._read_example(address)
        if address.repo == RESULTS_REPOSITORY:
            return await self._read_result(address)
        asset = await self.assets.find(address.namespace, address.repo, address.revision, address.path)
        data = await self.blobs.get_asset(asset.digest)
        return FileContent(data, asset.media_type, asset.digest, fixed=address.revision != BRANCH)

    async def store(self, namespace: str, repo: str, uploads: list[Upload], texts: dict[str, str]) -> list[Asset]:
        """Store checked pictures: their bytes by digest first, then all rows at once."""
        author = f"{texts['name'] or namespace} <{texts['email']}>" if texts["email"] else texts["name"] or namespace
        now = time.time()
        rows = [
            Asset(
                namespace=namespace,
                repo=repo,
                path=upload.path,
                digest=await self.blobs.put_asset(upload.data),
                author=author,
                message=texts["message"],
                size=len(upload.data),
                media_type=upload.media_type,
                created_at=now,
            )
            for upload in uploads
        ]
        await self.assets.add(rows)
        return rows

    async def read_input(self, text: str, *, field: str, namespace: str, host: str) -> bytes:
        """The bytes of an input image: a data URI, the URL of a file that the caller may read here, or a public URL.

        `host` is the request's own Host header. What cannot be read or fetched is an InvalidRequest that names the
        field and the URL; too many bytes are TooLarge.
        """
        if text[:5].lower() == "data:":
            return await asyncio.to_thread(parse_data_uri, text, self.settings.max_image_bytes, field=field)
        address = find_own(text, host=host, public_url=self.settings.public_url, field=field)
        if address is None:
            return await self._fetch(text, field, namespace, host)
        if address.namespace == namespace:
            # A caller needs no link to their own file, so an expired one must not stand in the way.
            address = Address(address.namespace, address.repo, address.revision, address.path)
        try:
            found = await self.read(address, namespace)
        except CallerError as error:
            raise InvalidRequest(
                f"{field}: {show_url(text)} answered {error.status}: {error.message}", field=field
            ) from None
        if len(found.data) > self.settings.max_image_bytes:
            raise TooLarge(f"{field} is larger than {self.settings.max_image_bytes} bytes", field=field)
        return found.data

    async def take_input(
        self, text: str, *, field: str, namespace: str, host: str, needs_alpha: bool = False
    ) -> tuple[str, tuple[int, int]]:
        """Read, check, normalise and store an input image or a mask; answers its digest and its (width, height)."""
        data = await self.read_input(text, field=field, namespace=namespace, host=host)
        return await self.take_bytes(data, field=field, needs_alpha=needs_alpha)

    async def take_bytes(
        self, data: bytes | BinaryIO, *, field: str, needs_alpha: bool = False
    ) -> tuple[str, tuple[int, int]]:
        """Check, normalise and store the bytes of an input image or a mask, as `take_input` does."""
        checks = {"max_pixels": self.settings.max_image_pixels, "field": field, "needs_alpha": needs_alpha}
        png, size = await normalise(data, **checks)
        return await self.blobs.put_input(png), size

    async def _fetch(self, url: str, field: str, namespace: str, host: str) -> bytes:
        rule = self.settings.fetch_rule
        if self.settings.fetch is None and split_host(host) not in LOCAL_HOSTS:
            rule = "off"  # a proxy handed the request on, so that others than programs of this machine ask
        if rule == "off":
            raise InvalidRequest(
                f"{field}: {show_url(url)} is on another server, and this one fetches nothing (LIMNER_FETCH is off). "
                "Send the picture as a `data:image/...;base64,` URI, or PUT it into a repository here first.",
                field=field,
            )
        hosts = frozenset(self.settings.fetch_hosts) if rule == "allow-list" else None
        max_bytes = self.settings.max_image_bytes
        return await self.outbound.fetch(url, max_bytes=max_bytes, hosts=hosts, caller=namespace, field=field)

    def _check_signature(self, address: Address) -> None:
        expires = address.expires or ""
        if not re.fullmatch(r"[0-9]{1,12}", expires, re.ASCII) or not self.blobs.verify(
            address.signed_path, int(expires), address.signature or "", time.time()
        ):
            raise Forbidden("the link has expired or was altered")

    async def _read_example(self, address: Address) -> FileContent:
        file = examples().get(address.path) if address.revision == BRANCH else None
        if file is None:
            raise NotFound(f"there is no example {address.path[:200]} at {address.revision[:100]}")
        data = await asyncio.to_thread(file.read_bytes)
        return FileContent(data, "image/png", hashlib.sha256(data).hexdigest(), fixed=False)

    async def _read_result(self, address: Address) -> FileContent:
        name = _RESULT.fullmatch(address.path)
        if name is None or address.revision != BRANCH or _NAME.fullmatch(address.namespace) is None:
            raise NotFound(f"there is no result {address.path[:200]}")
        read = self.blobs.get_preview if name[1].startswith("previews") else self.blobs.get
        data = await read(address.signed_path)
        return FileContent(data, media_type(name[2]), hashlib.sha256(data).hexdigest(), fixed=True)


@cache
def examples() -> dict[str, Path]:
    """The files that ship with the package, by their path in `limner/examples`; nothing else is ever opened."""
    return {file.relative_to(_EXAMPLES_FOLDER).as_posix(): file for file in _EXAMPLES_FOLDER.rglob("*.png")}


def make_router(files: Files, caller: Caller) -> APIRouter:
    """The routes of files. `caller` is asked only where an address is not open to all."""
    router = APIRouter()

    @router.api_route(
        "/api/repos/{namespace}/{repo}/file/{revision}/{path:path}",
        methods=["GET", "HEAD"],
        **promise(None, *LINK, sends=FILE, key="optional", also=(304,)),
    )
    async def get_file(request: Request, namespace: str, repo: str, revision: str, path: str) -> Response:
        """A file's bytes. A signed link opens without a key; so does `limner/examples`."""
        query = request.query_params
        address = Address(namespace, repo, revision, path, query.get("expires"), query.get("signature"))
        open_to_all = address.is_link or address.is_example
        found = await files.read(address, None if open_to_all else await caller(request))
        return _answer(request, found, files.settings.url_seconds)

    @router.put("/api/repos/{namespace}/{repo}/file/{branch}/{folder:path}", **promise(answers.Stored, body=FORM))
    async def put_files(request: Request, namespace: str, repo: str, branch: str, folder: str) -> Response:
        """Store pictures (multipart `files[]`, with `name`, `email` and `message`) in a folder of the branch `main`."""
        _check_repository(await caller(request), namespace, repo, branch)
        folder = _check_folder(folder)
        try:
            async with request.form(max_files=MAX_FILES, max_fields=MAX_FILES, max_part_size=64_000) as form:
                texts = _read_texts(form)
                uploads = await _read_uploads(form, folder, files.settings)
        except HTTPException as error:
            raise InvalidRequest(f"the multipart body cannot be read: {error.detail}", field="files[]") from None
        rows = await files.store(namespace, repo, uploads, texts)
        return JSONResponse(_describe(rows))

    @router.put("/api/repos/{namespace}/{repo}/file/{branch}", **promise(answers.Stored, body=FORM))
    async def put_files_in_root(request: Request, namespace: str, repo: str, branch: str) -> Response:
        """Store pictures in the root of the branch `main`."""
        return await put_files(request, namespace, repo, branch, "")

    return router


def _answer(request: Request, found: FileContent, url_seconds: int) -> Response:
    headers = {
        "ETag": f'"{found.digest}"',
        "Cache-Control": f"private, max-age={url_seconds}, immutable" if found.fixed else "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    seen = [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
    if headers["ETag"] in seen or "*" in seen:
        return Response(status_code=304, headers=headers)
    return Response(found.data, media_type=found.media_type, headers=headers)


def _check_repository(caller: str, namespace: str, repo: str, branch: str) -> None:
    if (namespace, repo) == EXAMPLES_REPOSITORY:
        raise Forbidden("limner/examples is read-only; store files in a repository of your own namespace")
    if namespace != caller:
        raise Forbidden(f"files can be stored in your own namespace only, which is {caller}", field="namespace")
    if repo == RESULTS_REPOSITORY:
        raise Forbidden(f"the repository {RESULTS_REPOSITORY} holds results and is read-only", field="repo")
    if _NAME.fullmatch(repo) is None:
        raise InvalidRequest("a repository's name is letters, digits, `.`, `_` and `-`, at most 100", field="repo")
    if branch != BRANCH:
        raise NotFound(f"there is no branch {branch[:100]}; the only branch is {BRANCH}", field="branch")


def _check_name(name: str, field: str, what: str) -> None:
    """Refuse, by name, whatever could mean more than one plain name in a folder."""
    shown = ascii(name[:80])[1:-1]
    if name in ("", ".", ".."):
        raise InvalidRequest(f"{what} must have a name, not `{shown}`", field=field)
    if "/" in name or "\\" in name:
        raise InvalidRequest(f"{what} `{shown}` holds a slash; the folder belongs into the URL", field=field)
    if any(unicodedata.category(character)[0] == "C" for character in name):
        raise InvalidRequest(f"{what} `{shown}` holds a character that cannot be printed", field=field)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidRequest(f"{what} `{shown}...` is longer than {MAX_NAME_BYTES} bytes", field=field)


def _check_folder(folder: str) -> str:
    """The folder without a last slash; each of its segments is a plain name."""
    if len(folder) > MAX_PATH_CHARACTERS:
        raise InvalidRequest(f"the folder is longer than {MAX_PATH_CHARACTERS} characters", field="folder")
    folder = folder.removesuffix("/")
    if folder:
        for segment in folder.split("/"):
            _check_name(segment, "folder", "a folder")
    return folder


def _read_texts(form: FormData) -> dict[str, str]:
    unknown = sorted(set(form) - set(TEXT_FIELDS) - set(FILE_FIELDS))
    if unknown:
        known = ", ".join(["files[]", *TEXT_FIELDS])
        raise InvalidRequest(f"unknown field {unknown[0][:80]!a}; known are {known}", field=unknown[0][:80])
    texts = {}
    for name, limit in TEXT_FIELDS.items():
        value = form.get(name, "")
        if not isinstance(value, str) or len(value) > limit:
            raise InvalidRequest(f"{name} must be text of at most {limit} characters", field=name)
        if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r" for character in value):
            raise InvalidRequest(f"{name} holds a control character", field=name)
        texts[name] = value.strip()
    return texts


async def _read_uploads(form: FormData, folder: str, settings: Settings) -> list[Upload]:
    uploads: dict[str, Upload] = {}
    for item in (item for name in FILE_FIELDS for item in form.getlist(name)):
        if not isinstance(item, UploadFile):
            raise InvalidRequest("files[] must be files with a file name", field="files[]")
        name = item.filename or ""
        _check_name(name, "files[]", "a file")
        path = str(PurePosixPath(folder, name))
        if path in uploads:
            raise InvalidRequest(f"two files are named `{name[:80]}`", field="files[]")
        data = await item.read(settings.max_image_bytes + 1)
        if len(data) > settings.max_image_bytes:
            raise TooLarge(f"the file `{name[:80]}` is larger than {settings.max_image_bytes} bytes", field="files[]")
        kind = await find_media_type(data, max_pixels=settings.max_image_pixels, field=f"the file `{name[:80]}`")
        uploads[path] = Upload(path, data, kind)
    if not uploads:
        raise InvalidRequest("files[] is missing: send at least one picture as multipart/form-data", field="files[]")
    return list(uploads.values())


def describe_commit(row: Asset) -> dict[str, object]:
    """A row as the commit that it is, the way the hub shows one; the e-mail is empty where it is not known."""
    author = _AUTHOR.fullmatch(row.author)
    return {
        "id": row.commit_id,
        "author": author[1] if author else row.author,
        "email": author[2] if author else "",
        "message": row.message,
        "timestamp": int(row.created_at),
    }


def _describe(rows: list[Asset]) -> dict[str, object]:
    """The answer to a PUT: the last row's commit, and every file with its own."""
    return {
        "status": "success",
        "status_message": "resource_created",
        "commit": describe_commit(rows[-1]),
        "files": [
            {
                "path": row.path,
                "url": f"/api/repos/{quote(f'{row.namespace}/{row.repo}/file/{BRANCH}/{row.path}')}",
                "commit_id": row.commit_id,
                "digest": row.digest,
                "size": row.size,
                "media_type": row.media_type,
            }
            for row in rows
        ],
    }
