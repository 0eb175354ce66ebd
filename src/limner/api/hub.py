"""The hub's dialect: images and the queue. It translates; planning, queueing and waiting are done elsewhere."""

import asyncio
import secrets
import time
import uuid
from functools import partial
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from limner.api import answers
from limner.api.assets import RESULTS_REPOSITORY
from limner.api.auth import caller, require_own
from limner.api.constraints import many_of, one_of, text, whole
from limner.api.contract import IDEMPOTENCY_KEY, in_query, promise
from limner.api.openai_answers import show_values
from limner.api.parameters import UNSEEN, EditBody, ImageBody, QueueBody, SyncBody, read_key, read_parameters
from limner.api.queries import read_integer, read_one, read_query, read_words
from limner.api.services import base_url, services_of
from limner.api.waiting import feed_of, wait_for_all
from limner.engines.plan import MAX_SEED, plan
from limner.engines.registry import resolve
from limner.errors import InvalidRequest, NotFound
from limner.queue.states import ENDED, LIVE
from limner.wire import Generation, Plan

MEDIA_TYPES = ("image", "video", "audio", "text")
"""What the hub can filter by; only images are made here."""
LISTED = 1_000
"""Most generations in one list, and how many there are unless `limit` says less."""
MAX_SEARCH_CHARACTERS = 200
LIST_FILTERS = (
    in_query("namespace", text("Your own namespace, nothing else.")),
    in_query("model", text("Only of the model asked for under this id.")),
    in_query(
        "status", many_of("Only in these states; queued and processing if left out.", *LIVE, *ENDED, "all"), many=True
    ),
    in_query("media_type", many_of("Only of these; everything here is an image.", *MEDIA_TYPES), many=True),
    in_query("repo", text("Only in this repository; results lie in `generations`.")),
    in_query("folder", text("Only in this folder; results lie in `/`.")),
    in_query("limit", whole("Most generations of one answer.", 1, LISTED)),
    in_query("before", text("Only older ones than the generation of this id.")),
    in_query("search", text("Only with this in the prompt.", maxLength=MAX_SEARCH_CHARACTERS)),
    in_query("favourite", one_of("Only favourites.", "true")),
)

PAGED = ("limit", "before", "search", "favourite")
"""What a list of generations can be asked for besides the hub's own filters."""

log = structlog.get_logger(__name__)
router = APIRouter()


@router.post("/api/ai/images/generate", **promise(answers.Images, IDEMPOTENCY_KEY, body=SyncBody, also=(404, 409, 504)))
async def generate(request: Request) -> JSONResponse:
    """Make images and answer when they are ready."""
    return await _make_now(request, await read_parameters(request, SyncBody))


@router.post("/api/ai/images/edit", **promise(answers.Images, IDEMPOTENCY_KEY, body=EditBody, also=(404, 409, 504)))
async def edit(request: Request) -> JSONResponse:
    """Like generate, but an input image is required."""
    return await _make_now(request, await read_parameters(request, EditBody))


@router.post("/api/ai/queue", **promise(answers.Queued, IDEMPOTENCY_KEY, body=QueueBody, also=(404, 409)))
async def enqueue(request: Request) -> JSONResponse:
    """Queue generations and answer at once."""
    generations = await _submit(request, await read_parameters(request, QueueBody))
    return JSONResponse({"generations": [{"generation_id": one.id, "status": one.state} for one in generations]})


@router.get("/api/ai/queue", **promise(answers.Generations, *LIST_FILTERS))
async def list_generations(request: Request) -> JSONResponse:
    """The caller's generations, newest first; only those not ended unless `status` says otherwise."""
    query = read_query(request, "namespace", "model", "status", "media_type", "repo", "folder", *PAGED)
    namespace = await caller(request)
    require_own(namespace, read_one(query, "namespace"), "namespace")
    statuses = read_words(query, "status", (*LIVE, *ENDED, "all"))
    states = tuple(state for state in (*LIVE, *ENDED) if state in statuses or "all" in statuses)
    search = read_one(query, "search") or ""
    if len(search) > MAX_SEARCH_CHARACTERS:
        raise InvalidRequest(f"search has at most {MAX_SEARCH_CHARACTERS} characters.", field="search")
    limit = read_integer(read_one(query, "limit") or str(LISTED), "limit", 1, LISTED)
    media_types = read_words(query, "media_type", MEDIA_TYPES)
    favourite = bool(read_words(query, "favourite", ("true",)))
    found: list[Generation] = []
    # Results lie in one repository, in its root.
    repos, folders = (None, RESULTS_REPOSITORY, f"{namespace}/{RESULTS_REPOSITORY}"), (None, "/")
    here = read_one(query, "repo") in repos and read_one(query, "folder") in folders
    if here and (not media_types or "image" in media_types):
        found = await services_of(request).store.find(
            namespace,
            states=states or LIVE,
            model=read_one(query, "model"),
            limit=limit,
            before=read_one(query, "before"),
            search=search,
            favourite=favourite,
        )
    return JSONResponse({"count": len(found), "generations": [show_generation(request, one) for one in found]})


@router.get("/api/ai/queue/{generation_id}", **promise(answers.Generation))
async def get_generation(request: Request, generation_id: str) -> JSONResponse:
    """Everything known of one generation; how many are before it while it is queued."""
    store = services_of(request).store
    generation = await store.get(await caller(request), parse_id(generation_id))
    shown = show_generation(request, generation)
    if generation.state == "queued":
        outlook = await store.outlook(generation, services_of(request).live_workers())
        eta = outlook.eta_seconds
        shown |= {"position": outlook.position, "eta_seconds": None if eta is None else round(eta, 1)}
    return JSONResponse(shown)


@router.delete("/api/ai/queue/{generation_id}", **promise(answers.Cancelled))
async def cancel_generation(request: Request, generation_id: str) -> JSONResponse:
    """Cancel a generation that has not ended; no effect on one that has."""
    generation = await services_of(request).store.cancel(await caller(request), parse_id(generation_id))
    log.info("cancelled by its owner", action="cancel", generation=generation.id, state=generation.state)
    return JSONResponse({"status": "success", "generation_id": generation.id})


async def _submit(request: Request, body: ImageBody) -> list[Generation]:
    """Check everything, store the input images, and queue the generations, unless they are under this key already."""
    services, namespace = services_of(request), await caller(request)
    require_own(namespace, body.target_namespace, "target_namespace")
    key, fingerprint = read_key(request), ""
    if key is not None:
        fingerprint = await asyncio.to_thread(body.fingerprint, request.url.path)
        if earlier := await services.store.recall(namespace, key, fingerprint):
            return earlier
    card = resolve(body.model)
    sources = body.input_image or []
    if sources or body.mask is not None:
        unseen = body.to_request(namespace, [UNSEEN for _ in sources], None if body.mask is None else UNSEEN)
        plan(unseen, card, 0)
    take = partial(services.files.take_input, namespace=namespace, host=request.headers["host"])
    inputs = [
        await take(source, field="input_image" if len(sources) == 1 else f"input_image[{i}]")
        for i, source in enumerate(sources)
    ]
    mask = None if body.mask is None else await take(body.mask, field="mask", needs_alpha=True)
    image_request = body.to_request(namespace, inputs, mask, key, fingerprint)
    plans = plan(image_request, card, secrets.randbelow(MAX_SEED + 1))
    queued = await services.store.submit(image_request, plans, services.settings.max_queued)
    for generation in queued:
        log.info("queued", action="submit", generation=generation.id, namespace=namespace, model=card.id)
    return queued


async def _make_now(request: Request, body: SyncBody) -> JSONResponse:
    channel = await feed_of(request).channel(await caller(request))
    after = channel.last_id
    as_url, queued = body.response_format != "b64_json", await _submit(request, body)
    del body  # which may hold a hundred megabytes, while the wait may last minutes
    generations = await wait_for_all(request, queued, after)
    show = services_of(request).files.show_result
    images = [await show(one, base_url(request), as_url=as_url) for one in generations]
    first = generations[0]
    answer = {"model": first.model, "created": int(time.time()), "images": images}
    if "url" in images[0]:
        answer["image_url"] = images[0]["url"]
    warnings = list(dict.fromkeys(warning for one in generations for warning in one.warnings))
    return JSONResponse(answer | _used(first.plan) | {"warnings": warnings})


def show_generation(request: Request, generation: Generation) -> dict[str, Any]:
    """One generation as the hub shows it: its state, the parameters as they were sent, and those that were used."""
    url = None
    if generation.result_path is not None:
        url = services_of(request).files.result_url(generation.result_path, base_url(request))
    progress = feed_of(request).progress(generation.namespace, generation.id)
    used = _used(generation.plan)
    shown = used | generation.submitted | {
        "generation_id": generation.id,
        "model_name": generation.model,
        "prompt": generation.plan.prompt,
        "media_type": "image",
        "status": generation.state,
        "result_url": url,
        "error_message": generation.error_message,
        "enqueued_at": _seconds(generation.enqueued_at),
        "started_at": _seconds(generation.started_at),
        "completed_at": _seconds(generation.completed_at),
        "used": used,
        "warnings": list(generation.warnings),
        "parameters": generation.submitted,
        "favourite": generation.favourite,
    }  # fmt: skip
    if generation.state == "processing" and progress is not None:
        shown["progress"] = {"step": progress.step, "of": progress.of}
    return shown


def _used(plan: Plan) -> dict[str, Any]:
    """The concrete values a picture is made with."""
    return show_values(plan) | {
        "input_fidelity": plan.input_fidelity,
        "num_inference_steps": plan.steps,
        "seed": plan.seed,
    }


def _seconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def parse_id(text: str) -> str:
    """A generation's id in the one way it is written; NotFound for what cannot be one."""
    try:
        id = str(uuid.UUID(text))
    except ValueError:
        id = ""
    if id != text.lower():
        raise NotFound(f"Generation not found: {text[:64]}")
    return id
