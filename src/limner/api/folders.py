"""Lists over HTTP: what stands in a folder of a repository, and the commits that put it there. It stores nothing.

The three kinds of repository of `assets` answer in one shape. What has no commits (the examples) shows none; a result
is its generation's own commit, and stands on `main` only.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from limner.api import answers
from limner.api.addresses import EXAMPLES_REPOSITORY
from limner.api.assets import RESULTS_REPOSITORY, describe_commit, examples
from limner.api.auth import caller
from limner.api.constraints import whole
from limner.api.contract import in_query, promise
from limner.api.queries import read_integer, read_one, read_query
from limner.api.services import Services, services_of
from limner.errors import NotFound
from limner.images.blobs import Blobs
from limner.images.encode import media_type
from limner.records.assets import BRANCH
from limner.wire import Generation

MAX_PAGE_SIZE = 1_000
PAGE_SIZE = 100
MAX_PAGE = 1_000_000_000
PAGES = (
    in_query("page", whole("Which page, from 1.", 1, MAX_PAGE)),
    in_query("page_size", whole(f"Items of one page; {PAGE_SIZE} if left out.", 1, MAX_PAGE_SIZE)),
)

router = APIRouter()


@dataclass(frozen=True)
class Place:
    """A repository at a revision, and a folder in it, as the URL names them."""

    namespace: str
    repo: str
    revision: str
    folder: str = ""

    @property
    def is_example(self) -> bool:
        """Whether it stands in the repository that is open to all."""
        return (self.namespace, self.repo) == EXAMPLES_REPOSITORY

    @property
    def is_result(self) -> bool:
        """Whether what workers made stands in it."""
        return self.repo == RESULTS_REPOSITORY

    def absent(self) -> NotFound:
        """The error of a folder in which nothing stands."""
        return NotFound(f"there is no folder {self.folder or '/'} at {self.revision} in {self.namespace}/{self.repo}")

    def show(self, name: str, commit: dict[str, Any] | None, **known: Any) -> dict[str, Any]:
        """One entry of this folder; what is not `known` of it is null."""
        shown = {"filename": name, "is_dir": False, "size": None, "hash": None, "media_type": None, **known}
        path = str(PurePosixPath(self.folder, name))
        return shown | {"latest_commit": commit, "resource": {"path": path, "version": self.revision}}


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for; pages are counted from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items come before it."""
        return (self.number - 1) * self.size

    def answer(self, total: int, **found: Any) -> JSONResponse:
        """The answer that holds this page of `total` items."""
        numbers = {"page_size": self.size, "page_number": self.number, "total_pages": -(-total // self.size)}
        status = {"status": "success", "status_message": "resource_found"}
        return JSONResponse(status | found | numbers | {"total_entries": total})


@router.get(
    "/api/repos/{namespace}/{repo}/dir/{revision}/{path:path}", **promise(answers.Folder, *PAGES, key="optional")
)
async def list_folder(request: Request, namespace: str, repo: str, revision: str, path: str) -> JSONResponse:
    """What stands directly in a folder of a repository at a revision (`main` or a commit's id), folders first."""
    place = Place(namespace, repo, revision, path.removesuffix("/"))
    await _check_reader(request, place)
    page = _read_page(request)
    if place.is_example:
        entries, total = await asyncio.to_thread(_list_examples, place, page)
    elif place.is_result:
        entries, total = await _list_results(services_of(request), place, page)
    else:
        entries, total = await _list_stored(services_of(request), place, page)
    return page.answer(total, entries=entries, resource={"path": place.folder, "version": revision})


@router.get("/api/repos/{namespace}/{repo}/dir/{revision}", **promise(answers.Folder, *PAGES, key="optional"))
async def list_root(request: Request, namespace: str, repo: str, revision: str) -> JSONResponse:
    """What stands directly in the root of a repository at a revision."""
    return await list_folder(request, namespace, repo, revision, "")


@router.get("/api/repos/{namespace}/{repo}/commits/{revision}", **promise(answers.Commits, *PAGES, key="optional"))
async def list_commits(request: Request, namespace: str, repo: str, revision: str) -> JSONResponse:
    """The commits of a revision, newest first, each with the path of its one file."""
    place = Place(namespace, repo, revision)
    await _check_reader(request, place)
    page, services = _read_page(request), services_of(request)
    if place.is_example:
        raise NotFound("limner/examples ships with Limner and has no commits")
    if place.is_result:
        results, total = await _find_results(services, place, page)
        commits = [_commit(one) | {"path": _name(one)} for one in results]
    else:
        rows, total = await services.files.assets.list_commits(
            namespace, repo, revision, offset=page.offset, limit=page.size
        )
        commits = [describe_commit(row) | {"path": row.path} for row in rows]
    return page.answer(total, commits=commits)


async def _check_reader(request: Request, place: Place) -> None:
    """Another's repository is as absent as one that was never made."""
    if not place.is_example and await caller(request) != place.namespace:
        raise NotFound(f"there is no repository {place.namespace}/{place.repo} of yours")


def _read_page(request: Request) -> Page:
    query = read_query(request, "page", "page_size")
    number = read_integer(read_one(query, "page") or "1", "page", 1, MAX_PAGE)
    return Page(number, read_integer(read_one(query, "page_size") or str(PAGE_SIZE), "page_size", 1, MAX_PAGE_SIZE))


async def _list_stored(services: Services, place: Place, page: Page) -> tuple[list[dict[str, Any]], int]:
    found, total = await services.files.assets.list_folder(
        place.namespace, place.repo, place.revision, place.folder, offset=page.offset, limit=page.size
    )
    entries = []
    for entry in found:
        row, known = entry.newest, {}
        if not entry.is_dir:
            known = {"size": row.size, "hash": row.digest, "media_type": row.media_type}
        entries.append(place.show(entry.name, describe_commit(row), is_dir=entry.is_dir, **known))
    return entries, total


async def _list_results(services: Services, place: Place, page: Page) -> tuple[list[dict[str, Any]], int]:
    results, total = await _find_results(services, place, page)
    sizes = await asyncio.gather(*(_size(services.blobs, one) for one in results))
    entries = [
        place.show(_name(one), _commit(one), size=size, media_type=media_type(one.plan.output_format))
        for one, size in zip(results, sizes, strict=True)
    ]
    return entries, total


async def _find_results(services: Services, place: Place, page: Page) -> tuple[list[Generation], int]:
    results, total = await services.store.list_results(place.namespace, offset=page.offset, limit=page.size)
    if total == 0 or place.revision != BRANCH or place.folder:
        raise place.absent()
    return results, total


async def _size(blobs: Blobs, result: Generation) -> int | None:
    """The bytes of a result; None, and null in the list, if its file is gone: one missing file hides no other."""
    try:
        return await blobs.size(result.result_path or "")
    except NotFound:
        return None


def _name(result: Generation) -> str:
    return PurePosixPath(result.result_path or "").name


def _commit(result: Generation) -> dict[str, Any]:
    return {
        "id": result.id,
        "author": result.namespace,
        "email": "",
        "message": result.plan.prompt,
        "timestamp": int(result.completed_at or 0),
    }


def _list_examples(place: Place, page: Page) -> tuple[list[dict[str, Any]], int]:
    start = f"{place.folder}/" if place.folder else ""
    inside = {path.removeprefix(start): file for path, file in examples().items() if path.startswith(start)}
    if not inside or place.revision != BRANCH:
        raise place.absent()
    folders = sorted({path.partition("/")[0] for path in inside if "/" in path})
    entries = [place.show(name, None, is_dir=True) for name in folders]
    for name in sorted(path for path in inside if "/" not in path):
        data = inside[name].read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        entries.append(place.show(name, None, size=len(data), hash=digest, media_type="image/png"))
    return entries[page.offset : page.offset + page.size], len(entries)
