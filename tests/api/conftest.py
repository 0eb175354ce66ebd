"""The whole HTTP surface in this process, over a real database; with `worker`, pictures are made too.

What several files say in OpenAI's dialect is here too, to be imported: `from tests.api.conftest import fault`.
"""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.types import Message, Receive

from limner.api.app import create_app
from limner.api.assets import Files
from limner.api.auth import Gate
from limner.api.services import Services
from limner.images.blobs import Blobs
from limner.queue.census import Census
from limner.queue.events import EventLog
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.assets import Assets
from limner.records.deployments import Deployments
from limner.records.engine import Database
from limner.records.keys import Keys
from limner.settings import Settings
from limner.workers.loop import WorkerLoop

SendRaw = Callable[[str, str, dict[str, str], Receive], Coroutine[None, None, list[Message]]]
BASE = "http://127.0.0.1:7310"
OX: dict[str, Any] = {"model": "tiny", "prompt": "a red ox", "size": "64x64"}
MAKE = "/v1/images/generations"
EDIT = "/v1/images/edits"


@pytest.fixture
def changed() -> dict[str, Any]:
    """Settings that differ in one test, which parametrizes this name."""
    return {}


@pytest.fixture
def services(
    settings: Settings, changed: dict[str, Any], database: Database, store: Store, hints: Hints, blobs: Blobs
) -> Services:
    """What the routes need, opened on the data folder of `settings`."""
    settings = settings.model_copy(update=changed)
    files, gate = Files(Assets(database), blobs, settings), Gate(Keys(database))
    log, census, deployments = EventLog(database), Census(database), Deployments(database)
    return Services(settings, store, log, census, hints, blobs, files, gate, deployments)


@pytest.fixture
def keys(services: Services) -> Keys:
    """The keys of the server; the first one made ends its keyless mode."""
    return services.gate.keys


@pytest.fixture
async def app(services: Services) -> AsyncIterator[FastAPI]:
    """The application, with its housekeeping running."""
    app = create_app(services)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A caller on this machine."""
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url=BASE, timeout=30) as client:
        yield client


@pytest.fixture
def send_raw(app: FastAPI) -> SendRaw:
    """Runs one request at the level of ASGI, for what no client library would send; the messages of the answer."""

    async def send_raw(method: str, path: str, headers: dict[str, str], receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
        scope |= {"scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 7310), "root_path": ""}
        scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
        await app(scope, receive, send)
        return messages

    return send_raw


@pytest.fixture
async def worker(
    store: Store, database: Database, blobs: Blobs, hints: Hints, settings: Settings
) -> AsyncIterator[WorkerLoop]:
    """A worker that makes what is queued."""
    loop = WorkerLoop("w-1", store, Deployments(database), blobs, hints, settings)
    task = asyncio.create_task(loop.run())
    yield loop
    loop.stop()
    await task


def a_picture(width: int = 96, height: int = 64, mode: str = "RGB", kind: str = "PNG", colour: str = "red") -> bytes:
    """The bytes of a picture."""
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, kind)
    return out.getvalue()


def opened(answer: httpx2.Response, place: int = 0) -> Image.Image:
    """The picture in an answer."""
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][place]["b64_json"], validate=True)))


def fault(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The inside of an error answer of the documented shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["x-request-id"]
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return dict(body["error"])


async def make(client: httpx2.AsyncClient, **fields: Any) -> httpx2.Response:
    """One call for pictures."""
    return await client.post(MAKE, json=OX | fields)
