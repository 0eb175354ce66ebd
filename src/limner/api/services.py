"""What the routes need, built once by `cli.serve` or a test and hung on the app. It starts nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from limner.api.assets import Files
from limner.api.auth import Gate
from limner.images.blobs import Blobs
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.settings import Settings


@dataclass(frozen=True)
class Services:
    """The rooms below, opened. `live_workers` counts the supervised workers that run now."""

    settings: Settings
    store: Store
    events: EventLog
    hints: Hints
    blobs: Blobs
    files: Files
    gate: Gate
    live_workers: Callable[[], int] = lambda: 0


def services_of(request: Request) -> Services:
    """The services of the app that this request came to."""
    services: Services = request.app.state.services
    return services


def base_url(request: Request) -> str:
    """Scheme and host that the URLs in an answer begin with: the configured ones, else those the caller used."""
    return services_of(request).settings.public_url or f"{request.url.scheme}://{request.headers['host']}"
