"""OpenAI's dialect: images made and edited by the calls that its clients already know. It translates, and no more.

A request becomes one ImageRequest; planning, queueing and waiting are the same as for the hub's dialect. What a field
may be is in `openai_fields`, what an answer holds in `openai_answers`, streams are in `openai_stream`.
"""

import asyncio
import hashlib
import json
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from limner.api.auth import caller
from limner.api.openai_answers import count_tokens, gather_warnings, show_values
from limner.api.openai_bodies import Edit, Source, read_edit, read_json
from limner.api.openai_contract import EDITS, GENERATES, LISTS, SHOWS
from limner.api.openai_errors import Refusal
from limner.api.openai_fields import Asked, Fields
from limner.api.openai_stream import RETRY_HEADER, Streamed, stream
from limner.api.parameters import UNSEEN, Taken, read_key
from limner.api.runs import Run, Runs
from limner.api.services import base_url, services_of
from limner.api.waiting import feed_of, wait_together
from limner.engines.card import ModelCard
from limner.engines.plan import MAX_SEED, plan
from limner.engines.registry import cards, resolve
from limner.errors import NotFound
from limner.wire import Generation, ImageRequest

log = structlog.get_logger(__name__)
router = APIRouter()


@router.post("/v1/images/generations", **GENERATES)
@router.post("/api/ai/images/generations", **GENERATES)
async def generate_images(request: Request) -> Response:
    """Make images as OpenAI's `images.generate` asks, and answer or stream them."""
    namespace = await _let_in(request)
    values = await read_json(request)
    asked = Fields(values, form=False, edit=False, strict=_is_strict(request)).read()
    return await _answer(request, asked, _request_of(asked, namespace, [], None), "image_generation")


@router.post("/v1/images/edits", **EDITS)
@router.post("/api/ai/images/edits", **EDITS)
async def edit_images(request: Request) -> Response:
    """Edit images as OpenAI's `images.edit` asks, from a form or from JSON."""
    asked, wanted = await _take_edit(request, await _let_in(request))
    return await _answer(request, asked, wanted, "image_edit")


async def _take_edit(request: Request, namespace: str) -> tuple[Asked, ImageRequest]:
    """The body of an edit with its images read and stored. Once it returns, nothing of the body is held any more."""
    async with read_edit(request) as edit:  # the files of a form lie on disk until each was taken
        asked = Fields(edit.values, form=edit.form, edit=True, strict=_is_strict(request)).read(edit.fault)
        _check_count(edit, asked.card)
        unseen = _request_of(asked, namespace, [UNSEEN for _ in edit.images], None if edit.mask is None else UNSEEN)
        plan(unseen, asked.card, 0)
        images = [await _take(request, source, namespace) for source in edit.images]
        mask = None if edit.mask is None else await _take(request, edit.mask, namespace)
    return asked, _request_of(asked, namespace, images, mask)


@router.get("/v1/models", **LISTS)
async def list_openai_models(request: Request) -> JSONResponse:
    """Every id that a request may name, the models' own ids first."""
    await caller(request)
    own = list(cards())
    others = [alias for card in cards().values() for alias in card.aliases if alias not in own]
    return JSONResponse({"object": "list", "data": [_describe(id) for id in dict.fromkeys([*own, *others])]})


@router.get("/v1/models/{model_id:path}", **SHOWS)
async def get_openai_model(request: Request, model_id: str) -> JSONResponse:
    """One model by its id or an alias."""
    await caller(request)
    try:
        return JSONResponse(_describe(model_id))
    except NotFound:
        raise NotFound(f"The model '{model_id[:200]}' does not exist.", field="model") from None


def _describe(id: str) -> dict[str, Any]:
    card = resolve(id)
    created = datetime.fromisoformat(card.released_at).replace(tzinfo=UTC)
    return {"id": id, "object": "model", "created": int(created.timestamp()), "owned_by": card.developer}


async def _let_in(request: Request) -> str:
    """The caller's namespace; who may not ask is refused before a byte of the body is read."""
    read_key(request)
    return await caller(request)


def _is_strict(request: Request) -> bool:
    return services_of(request).settings.openai_strict


def _check_count(edit: Edit, card: ModelCard) -> None:
    name, count = "image" if edit.form else "images", len(edit.images)
    if count > card.max_references:
        raise Refusal(
            f"Invalid '{name}': {card.id} takes at most {card.max_references} input images, but got {count} instead.",
            field=name,
            reason="array_above_max_length",
        )


async def _take(request: Request, source: Source, namespace: str) -> Taken:
    return await source.take(request, services_of(request).files, namespace, strict=_is_strict(request))


def _request_of(asked: Asked, namespace: str, images: Sequence[Taken], mask: Taken | None) -> ImageRequest:
    submitted = dict(asked.passed_on)
    if images:
        submitted["input_image"] = [f"data:,sha256={digest}" for digest, _ in images]
    if mask is not None:
        submitted["mask"] = f"data:,sha256={mask[0]}"
    return ImageRequest(
        namespace=namespace,
        inputs=tuple(digest for digest, _ in images),
        input_sizes=tuple(size for _, size in images),
        mask=mask and mask[0],
        mask_size=mask and mask[1],
        submitted=submitted,
        **asked.passed_on,
    )


async def _answer(request: Request, asked: Asked, wanted: ImageRequest, dialect: str) -> Response:
    """Have the pictures made, or join the run of the caller's first try, and answer with them."""
    runs: Runs = request.app.state.runs
    run = await _begin(request, asked, wanted, runs)
    if asked.stream:
        return await stream(request, runs, run, Streamed(asked, wanted, dialect))
    generations = await _wait(request, runs, run)
    body = await _render(request, asked, wanted, generations)
    return Response(body, media_type="application/json")


async def _begin(request: Request, asked: Asked, wanted: ImageRequest, runs: Runs) -> Run:
    sent = json.dumps([request.url.path, asked.stream, wanted.model_dump(mode="json")])
    fingerprint = hashlib.sha256(sent.encode()).hexdigest()
    place = f"{request.client.host if request.client else ''} {fingerprint}"
    if request.headers.get(RETRY_HEADER, "0") != "0" and (run := runs.join(place)):
        log.info("joined the run of an earlier try", action="submit", generation=run.generations[0].id)
        return run
    services = services_of(request)
    channel = await feed_of(request).channel(wanted.namespace)
    after = channel.last_id
    plans = plan(wanted, asked.card, secrets.randbelow(MAX_SEED + 1))
    keyed = wanted.model_copy(update={"idempotency_key": read_key(request), "fingerprint": fingerprint})
    queued = await services.store.submit(keyed, plans, services.settings.max_queued)
    run = Run(place, queued, after, keyed=keyed.idempotency_key is not None)
    for one in run.generations:
        log.info("queued", action="submit", generation=one.id, namespace=wanted.namespace, model=asked.card.id)
    runs.begin(run)
    return run


async def _wait(request: Request, runs: Runs, run: Run) -> list[Generation]:
    try:
        return await wait_together(request, run.generations, run.after)
    finally:
        runs.part(run, sys.exception(), may_return=RETRY_HEADER in request.headers)


async def _render(request: Request, asked: Asked, wanted: ImageRequest, generations: Sequence[Generation]) -> bytes:
    show, base = services_of(request).files.show_result, base_url(request)
    data = [await show(one, base, as_url=asked.as_url) for one in generations]
    answer = {
        "created": int(time.time()),
        **show_values(generations[0].plan),
        "data": data,
        "usage": count_tokens(wanted, [one.plan for one in generations]),
        "warnings": gather_warnings(asked.warnings, generations),
    }
    if asked.safety_identifier is not None:
        answer["safety_identifier"] = asked.safety_identifier
    return await asyncio.to_thread(lambda: json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode())
