"""The application: services in, every route and layer in its place out. It opens no file and binds no port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI

from limner import __version__
from limner.api import (
    assets,
    assistant,
    docs,
    events,
    folders,
    generations,
    health,
    hub,
    metrics,
    models,
    openai,
    problems,
    reference,
    workbench,
)
from limner.api.auth import Guard, caller
from limner.api.body import BodyLimit
from limner.api.feed import Feed
from limner.api.runs import Runs
from limner.api.services import Services
from limner.errors import StorageFailed

REAP_SECONDS = 2.0
TRIM_EVERY = 300
"""Looks for dead leases between two clearings of old events and partial images: about ten minutes."""
DEADLINE_SECONDS = 1.0
"""Longest sleep between two looks at the deadlines."""
PREVIEW_SECONDS = 600.0
"""How long a partial image can be looked at, at least."""
LOG_SECONDS = 7 * 24 * 3600.0
"""How long an event stays readable."""

log = structlog.get_logger(__name__)


def create_app(services: Services) -> FastAPI:
    """The whole HTTP surface over `services`. Its lifespan keeps house; `app.state.feed.stop()` ends streams."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        feed: Feed = app.state.feed
        housekeeping = asyncio.gather(
            _keep_house(services, app.state.metrics, feed.stopping), _keep_time(services, feed.stopping)
        )
        try:
            yield
        finally:
            await feed.close()
            await app.state.runs.close()
            await housekeeping

    app = FastAPI(
        title="Limner",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.feed = Feed(services.events, services.hints, services.store)
    app.state.runs = Runs(services.store, app.state.feed.stopping)
    app.state.metrics = metrics.Metrics(services)
    app.state.writer = assistant.make_writer(services.settings)
    problems.install(app)
    files = assets.make_router(services.files, caller)
    for router in (
        hub.router,
        events.router,
        folders.router,
        models.router,
        openai.router,
        health.router,
        metrics.router,
        docs.router,
        workbench.router,
        generations.router,
        reference.router,
        files,
    ):
        # One flat list, not include_router(): a 405 must find every route of its path to name the allowed methods.
        app.router.routes.extend(router.routes)
    app.add_middleware(BodyLimit, max_bytes=services.settings.max_body_bytes)
    app.add_middleware(Guard, gate=services.gate, public_url=services.settings.public_url)
    app.add_middleware(problems.Edge)
    app.add_middleware(metrics.Counter, metrics=app.state.metrics)
    return app


async def _keep_house(services: Services, counted: metrics.Metrics, stopping: asyncio.Event) -> None:
    """Until the server stops, take back what dead leases hold, count what ended, and now and then drop old events."""
    round = 0
    while not stopping.is_set():
        try:
            await counted.follow()
            taken_back = await services.store.reap()
            if taken_back:
                log.warning("took back generations of dead leases", action="reap", count=taken_back)
            if round % TRIM_EVERY == 0:
                await services.events.trim(LOG_SECONDS)
                await services.blobs.drop_previews(PREVIEW_SECONDS)
        except StorageFailed as error:
            log.error("housekeeping failed", action="housekeep", message=error.message)
        round += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), REAP_SECONDS)


async def _keep_time(services: Services, stopping: asyncio.Event) -> None:
    """Until the server stops, cancel what has not ended by its deadline."""
    while not stopping.is_set():
        pause = DEADLINE_SECONDS
        try:
            soonest = await services.store.cancel_late()
            if soonest is not None:
                pause = min(pause, soonest)
        except StorageFailed as error:
            log.error("cannot look at the deadlines", action="cancel", message=error.message)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
