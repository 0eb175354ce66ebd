"""What the routes need, built once by `cli.serve` or a test and hung on the app. It starts nothing itself."""

from dataclasses import dataclass

from fastapi import Request

from limner.images.blobs import Blobs
from limner.queue.events import Events
from limner.queue.hints import HintServer
from limner.queue.store import Store
from limner.records.assets import Assets
from limner.settings import Settings


@dataclass(frozen=True)
class Services:
    """The rooms below, opened."""

    settings: Settings
    store: Store
    events: Events
    hints: HintServer
    blobs: Blobs
    assets: Assets


def services_of(request: Request) -> Services:
    """The services of the app that this request came to."""
    services: Services = request.app.state.services
    return services
