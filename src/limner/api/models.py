"""GET /api/ai/models: what can be asked for, in the hub's words, and truthfully what runs behind each name."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from limner.api import answers
from limner.api.auth import caller, require
from limner.api.constraints import text
from limner.api.contract import in_query, promise
from limner.api.queries import read_one, read_query
from limner.api.services import services_of
from limner.engines.card import ModelCard
from limner.engines.registry import cards, resolve
from limner.records.deployments import Wanted

router = APIRouter()


@router.get(
    "/api/ai/models",
    **promise(answers.Models, in_query("developer_name", text("Only of this developer."))),
)
async def list_models(request: Request) -> JSONResponse:
    """Every installed model once, under its own id; its other names are in `aliases`."""
    await caller(request)
    developer = read_one(read_query(request, "developer_name"), "developer_name")
    found = [card for card in cards().values() if developer is None or card.developer.lower() == developer.lower()]
    return JSONResponse({"object": "list", "data": [_describe(request, card, card.id) for card in found]})


@router.get(
    "/api/ai/models/search",
    **promise(answers.Models, in_query("search", text("Words that must all occur; all models without any."))),
)
async def search_models(request: Request) -> JSONResponse:
    """The models in whose id, aliases, name, developer, summary or description every word of `search` occurs."""
    await caller(request)
    words = (read_one(read_query(request, "search"), "search") or "").lower().split()
    found = [card for card in cards().values() if all(word in _text(card) for word in words)]
    return JSONResponse({"object": "list", "data": [_describe(request, card, card.id) for card in found]})


@router.get("/api/ai/models/{model_id:path}", **promise(answers.Model))
async def get_model(request: Request, model_id: str) -> JSONResponse:
    """One model by its id or an alias, which the answer echoes."""
    await caller(request)
    return JSONResponse(_describe(request, resolve(model_id), model_id))


@router.post("/api/ai/models/{model_id:path}/activate", **promise(answers.Model))
async def activate_model(request: Request, model_id: str) -> JSONResponse:
    """Have every worker load the model now, and whenever it starts; needs the scope `admin`."""
    return await _order(request, model_id, "active")


@router.post("/api/ai/models/{model_id:path}/deactivate", **promise(answers.Model))
async def deactivate_model(request: Request, model_id: str) -> JSONResponse:
    """Have every worker unload the model; the next request for it loads it again. Needs the scope `admin`."""
    return await _order(request, model_id, "inactive")


async def _order(request: Request, model_id: str, wanted: Wanted) -> JSONResponse:
    await require(request, "admin")
    services, card = services_of(request), resolve(model_id)
    await services.deployments.order(card.id, wanted)
    services.hints.wake()
    return JSONResponse(_describe(request, card, model_id))


def _status(request: Request, card: ModelCard) -> str:
    """The best that a worker says of this model: loaded here, being loaded there, failed, not loaded."""
    said = services_of(request).hints.engine_statuses(card.id)
    return next((status for status in ("active", "deploying", "error") if status in said), "inactive")


def _text(card: ModelCard) -> str:
    """What a search looks into."""
    said = (card.id, *card.aliases, card.display_name, card.developer, card.summary, card.description)
    return " ".join(said).lower()


def _describe(request: Request, card: ModelCard, id: str) -> dict[str, Any]:
    return {
        "id": id,
        "object": "model",
        "created": int(datetime.fromisoformat(card.released_at).replace(tzinfo=UTC).timestamp()),
        "owned_by": card.developer,
        "display_name": card.display_name,
        "description": card.description,
        "summary": card.summary,
        "model_type": "base",
        "endpoint": "/images/generate",
        "capabilities": {"input": ["text", "image"] if card.max_references else ["text"], "output": ["image"]},
        "pricing": {"method": "free"},
        "fine_tuning": False,
        "deployments": [{"status": _status(request, card)}],
        "developer": {"name": card.developer, "logo": None},
        "source_model": card.id,
        "aliases": list(card.aliases),
        "parameters": card.parameters,
        "image_url": None,
        "released_at": card.released_at,
        "request_schema": card.request_schema,
        "json_request_schema": card.request_schema,
    }
