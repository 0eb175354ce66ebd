"""Whether the process lives, and whether it can take work. A model that still loads does not make it unready."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from limner.api import answers
from limner.api.auth import NAMESPACE
from limner.api.contract import promise
from limner.api.services import services_of

router = APIRouter()


@router.api_route("/health/live", methods=["GET", "HEAD"], **promise(answers.Live, key="none"))
async def live() -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "live"})


@router.api_route("/health/ready", methods=["GET", "HEAD"], **promise(answers.Ready, key="none", also=(503,)))
async def ready(request: Request) -> JSONResponse:
    """The database answers, so requests can be queued; a failing one is a 503 like any other StorageFailed."""
    services = services_of(request)
    await services.events.last_id(NAMESPACE)
    return JSONResponse({"status": "ready", "workers": services.live_workers()})
