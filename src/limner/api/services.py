"""What the routes need, built once by `cli.serve` or a test and hung on the app. It starts nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from limner.api.assets import Files
from limner.api.auth import Gate
from limner.images.blobs import Blobs
from limner.queue.census import Census
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.deployments import Deployments
from limner.settings import Settings


@dataclass(frozen=True)
class Workers:
    """How many supervised workers run, how many wait to be started again, and how often one was."""

    living: int = 0
    restarting: int = 0
    restarts: int = 0


@dataclass(frozen=True)
class Services:
    """The rooms below, opened. `workers` counts the supervised workers now."""

    settings: Settings
    store: Store
    events: EventLog
    census: Census
    hints: Hints
    blobs: Blobs
    files: Files
    gate: Gate
    deployments: Deployments
    workers: Callable[[], Workers] = Workers

    def live_workers(self) -> int:
        """The supervised workers that run now."""
        return self.workers().living


def services_of(request: Request) -> Services:
    """The services of the app that this request came to."""
    services: Services = request.app.state.services
    return services


def base_url(request: Request) -> str:
    """Scheme and host that the URLs in an answer begin with: the configured ones, else those the caller used."""
    return services_of(request).settings.public_url or f"{request.url.scheme}://{request.headers['host']}"
