"""What an owner does with generations that have ended: mark them, look at many, take them away, let them go.

Making and cancelling them is the queue's, in `api.hub`. Nobody else's generation is ever touched or shown.
"""

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from limner.api import answers
from limner.api.auth import caller
from limner.api.contract import in_query, promise
from limner.api.hub import parse_id, show_generation
from limner.api.queries import read_query
from limner.api.services import services_of
from limner.errors import InvalidRequest, NotFound
from limner.images.thumbnail import MEDIA_TYPE, make_thumbnail
from limner.wire import Generation

MAX_EXPORTED = 500
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "same-origin"}
"""An image never changes; only its owner's browser may keep it."""

IDS = in_query(
    "ids",
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "Ids of generations."},
    many=True,
) | {"required": True}
THUMBNAIL = {"description": "The small image.", "content": {MEDIA_TYPE: {}}}
INPUT = {"description": "The image.", "content": {"image/png": {}}}
ARCHIVE = {"description": "The archive.", "content": {"application/zip": {}}}

log = structlog.get_logger(__name__)
router = APIRouter()


class Pieces:
    """A file that can only be written; whoever sends it takes what has come together."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        """Append."""
        self._written += data
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken, self._written = bytes(self._written), bytearray()
        return taken


@router.put("/api/limner/generations/{generation_id}/favourite", **promise(answers.Generation))
async def add_favourite(request: Request, generation_id: str) -> JSONResponse:
    """Make a generation a favourite."""
    return await _mark(request, generation_id, favourite=True)


@router.delete("/api/limner/generations/{generation_id}/favourite", **promise(answers.Generation))
async def remove_favourite(request: Request, generation_id: str) -> JSONResponse:
    """Make a generation a favourite no more."""
    return await _mark(request, generation_id, favourite=False)


@router.delete("/api/limner/generations/{generation_id}", **promise(answers.Cancelled, also=(409,)))
async def delete_generation(request: Request, generation_id: str) -> JSONResponse:
    """Delete the image of a generation that has ended and take it out of all lists; its row stays."""
    services, namespace = services_of(request), await caller(request)
    id = parse_id(generation_id)
    path = await services.store.discard(namespace, id)
    if path is not None:
        await services.blobs.delete(path)
    log.info("deleted by its owner", action="delete", generation=id)
    return JSONResponse({"status": "success", "generation_id": id})


@router.get("/api/limner/generations/{generation_id}/thumbnail", **promise(sends=THUMBNAIL))
async def get_thumbnail(request: Request, generation_id: str) -> Response:
    """A small WebP of the image of a generation."""
    services = services_of(request)
    generation = await services.store.get(await caller(request), parse_id(generation_id))
    if generation.result_path is None:
        raise NotFound("This generation has no image.")
    data = await services.blobs.get(generation.result_path)
    return Response(await asyncio.to_thread(make_thumbnail, data), media_type=MEDIA_TYPE, headers=FOREVER)


@router.get("/api/limner/generations/{generation_id}/inputs/{name}", **promise(sends=INPUT))
async def get_input(request: Request, generation_id: str, name: str) -> Response:
    """An input image of a generation as the model got it, by its place (from 0), or its `mask`."""
    services = services_of(request)
    plan = (await services.store.get(await caller(request), parse_id(generation_id))).plan
    named = {str(i): digest for i, digest in enumerate(plan.inputs)} | ({"mask": plan.mask} if plan.mask else {})
    if name not in named:
        raise NotFound(f"This generation has no input {name[:40]}.")
    return Response(await services.blobs.get_input(named[name]), media_type="image/png", headers=FOREVER)


@router.get("/api/limner/export", **promise(None, IDS, sends=ARCHIVE, also=(404,)))
async def export_generations(request: Request) -> StreamingResponse:
    """The images of the generations in `ids` as a zip, and all that is known of each in generations.json."""
    namespace = await caller(request)
    query = read_query(request, "ids")
    ids = list(dict.fromkeys(id.strip() for value in query["ids"] for id in value.split(",") if id.strip()))
    if not 1 <= len(ids) <= MAX_EXPORTED:
        raise InvalidRequest(f"ids must name 1 to {MAX_EXPORTED} generations.", field="ids")
    generations = [await services_of(request).store.get(namespace, parse_id(id)) for id in ids]
    headers = {"Content-Disposition": 'attachment; filename="limner.zip"'}
    return StreamingResponse(_zip(request, generations), media_type="application/zip", headers=headers)


async def _mark(request: Request, generation_id: str, *, favourite: bool) -> JSONResponse:
    namespace = await caller(request)
    generation = await services_of(request).store.mark(namespace, parse_id(generation_id), favourite=favourite)
    return JSONResponse(show_generation(request, generation))


async def _zip(request: Request, generations: list[Generation]) -> AsyncIterator[bytes]:
    """The archive piece by piece, one image in memory at a time; they are compressed already."""
    pieces, described = Pieces(), []
    with zipfile.ZipFile(pieces, "w") as archive:  # type: ignore[call-overload]
        for generation in generations:
            shown = show_generation(request, generation) | {"file": None}
            del shown["result_url"]
            if generation.result_path is not None:
                name = PurePosixPath(generation.result_path).name
                try:
                    archive.writestr(name, await services_of(request).blobs.get(generation.result_path))
                    shown["file"] = name
                except NotFound:  # pruned meanwhile: what is known of it is still told
                    log.info("an image to export is gone", action="answer", generation=generation.id)
            described.append(shown)
            yield pieces.take()
        archive.writestr("generations.json", json.dumps(described, ensure_ascii=False, indent=2))
    yield pieces.take()
