"""GET /metrics: the queue, the generations, the workers and the HTTP requests as numbers for Prometheus.

Generations are counted from the log of events, followed from the start of this server on, whichever worker ended them;
the queue is counted when it is asked for. Each server of one database counts all of its generations. Label values are
few and fixed: installed cards, states, codes and templates of routes, never what a caller wrote.
"""

import time

import prometheus_client as prometheus
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner import __version__, errors
from limner.api.auth import require
from limner.api.contract import promise
from limner.api.services import Services
from limner.engines.registry import cards
from limner.queue.census import Ended, Standing
from limner.queue.states import LIVE

OTHER = "other"
"""Stands for a card that is not installed any more, an unknown code and an unusual method."""
NONE = "none"
"""Stands for the route of a request that came to none, and for the code of what has not failed."""
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
CODES = {kind.code for parent in (errors.CallerError, errors.ServerError) for kind in parent.__subclasses__()}
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1800, 3600)
"""Upper ends of the histogram's buckets."""

router = APIRouter()


class Metrics:
    """The numbers of one server, in a registry of its own."""

    def __init__(self, services: Services) -> None:
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # a time per counter: nobody asks
        self._services = services
        self._restarts = 0
        self.registry = registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=registry)
        prometheus.Info("limner_build", "Which Limner runs.", registry=registry).info({"version": __version__})
        self.queue = prometheus.Gauge(
            "limner_queue_generations", "Generations that have not ended.", ["model", "state"], registry=registry
        )
        self.oldest = prometheus.Gauge(
            "limner_queue_oldest_seconds", "Age of the oldest queued generation.", ["model"], registry=registry
        )
        self.ended = prometheus.Counter(
            "limner_generations_ended", "Ends of generations.", ["model", "state", "error_code"], registry=registry
        )
        self.phases = prometheus.Histogram(
            "limner_generation_seconds",
            "Time of succeeded generations: waiting (until the last attempt), running (with the delivery), whole.",
            ["model", "phase"],
            buckets=SECONDS,
            registry=registry,
        )
        self.steps = prometheus.Counter("limner_steps", "Steps of succeeded generations.", ["model"], registry=registry)
        self.workers = prometheus.Gauge(
            "limner_workers", "Supervised workers: living, or restarting after an end.", ["state"], registry=registry
        )
        self.restarts = prometheus.Counter(
            "limner_worker_restarts", "Starts of a supervised worker after its first.", registry=registry
        )
        self.requests = prometheus.Counter(
            "limner_http_requests", "Answers by route.", ["route", "method", "status"], registry=registry
        )
        self.streams = prometheus.Gauge("limner_event_streams", "Open event streams.", registry=registry)

    async def follow(self) -> None:
        """Count what has ended since the last call; the first one only marks where the log stands."""
        for one in await self._services.census.ended():
            self._count(one)

    async def write(self) -> bytes:
        """Everything as it stands now, in Prometheus' text format."""
        await self.follow()
        self._stand(await self._services.census.standing())
        workers = self._services.workers()
        self.workers.labels("living").set(workers.living)
        self.workers.labels("restarting").set(workers.restarting)
        self.restarts.inc(workers.restarts - self._restarts)
        self._restarts = workers.restarts
        return prometheus.generate_latest(self.registry)

    def _count(self, one: Ended) -> None:
        model = _model(one.card)
        code = NONE if one.error_code is None else one.error_code if one.error_code in CODES else OTHER
        self.ended.labels(model, one.state, code).inc()
        if one.state == "succeeded" and one.started_at is not None:
            self.steps.labels(model).inc(one.steps)
            spans = {
                "waiting": one.started_at - one.enqueued_at,
                "running": one.completed_at - one.started_at,
                "whole": one.completed_at - one.enqueued_at,
            }
            for phase, seconds in spans.items():
                self.phases.labels(model, phase).observe(max(0.0, seconds))  # the wall clock may step back

    def _stand(self, found: list[Standing]) -> None:
        now = time.time()
        for model in (*cards(), OTHER):
            own = [one for one in found if _model(one.card) == model]
            for state in LIVE:
                self.queue.labels(model, state).set(sum(one.size for one in own if one.state == state))
            self.oldest.labels(model).set(max([0.0, *(now - one.oldest_at for one in own if one.state == "queued")]))


def _model(card: str) -> str:
    return card if card in cards() else OTHER


class Counter:
    """The layer that counts the answers, each when it begins, so that an open stream is counted too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.requests = metrics.requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count its answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path_format", NONE)
                method = scope["method"] if scope["method"] in METHODS else OTHER
                self.requests.labels(route, method, message["status"]).inc()
            await send(message)

        await self.app(scope, receive, counted)


@router.get("/metrics", **promise(sends=PlainTextResponse))
async def show_metrics(request: Request) -> Response:
    """The server in numbers, in Prometheus' text format.

    They tell what all namespaces do together, which is the machine's affair and not a namespace's: so the key needs
    the scope `admin`. A key with that scope alone, for the scraper, can neither look at a picture nor make one.
    """
    await require(request, "admin")
    metrics: Metrics = request.app.state.metrics
    return Response(await metrics.write(), media_type=prometheus.CONTENT_TYPE_LATEST)
