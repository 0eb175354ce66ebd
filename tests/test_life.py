"""The life of one generation, step by step as in architecture/01, in one process: read this test first.

Real database, real files, the *tiny* engine. Every step calls the function that the server or its worker calls; the
second test lets them do it by themselves.
"""

import asyncio
import io
import json

import httpx2
from PIL import Image

from limner.api.app import create_app
from limner.api.assets import Files
from limner.api.auth import Gate
from limner.api.events import Subscription, follow
from limner.api.feed import Feed
from limner.api.parameters import QueueBody
from limner.api.services import Services
from limner.engines.engine import Job
from limner.engines.plan import plan
from limner.engines.registry import load_engine, resolve
from limner.images.blobs import Blobs, result_path
from limner.images.intake import read_image
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
from limner.workers.run import encode_picture, run_here

OX = "/api/repos/limner/examples/file/main/bloxy/bloxy_cropped_512x512.png"
ASKED = {"model": "tiny", "prompt": "Make the ox walk on a snowy road", "input_image": OX, "size": "96x64", "seed": 7}


async def test_the_life_of_a_generation(
    settings: Settings, database: Database, store: Store, hints: Hints, blobs: Blobs
) -> None:
    log, files = EventLog(database), Files(Assets(database), blobs, settings)

    # 1. The hub's words become a request. The input image is read, made upright and stored by its digest.
    body = QueueBody.model_validate(ASKED)
    digest, size = await files.take_input(OX, field="input_image", namespace="local", host="127.0.0.1:7310")
    request = body.to_request("local", [(digest, size)])
    assert request.input_sizes == ((512, 512),)

    # 2. The request becomes plans, in which nothing is left open. What cannot be made is refused here.
    card = resolve(request.model)
    [made_plan] = plan(request, card, seed=99)
    assert (made_plan.width, made_plan.height, made_plan.seed) == (96, 64, 7)
    assert (made_plan.steps, made_plan.quality, made_plan.background) == (4, "medium", "opaque")

    # 3. It is queued: the row and its first event, in one transaction.
    [queued] = await store.submit(request, [made_plan], settings.max_queued)
    assert (queued.state, queued.submitted["input_image"]) == ("queued", OX)

    # 4. Whoever listens is told what happens from here on.
    feed = Feed(log, hints, store)
    kinds = frozenset(("started", "succeeded", "failed"))
    stream = follow(feed, files, Subscription("local", kinds, 0, 0, "http://127.0.0.1:7310"))

    # 5. A worker claims it under a lease, and reads the inputs.
    [taken] = await store.claim("worker-1", ["tiny"], settings.max_batch, settings.lease_seconds)
    assert (taken.id, taken.state, taken.attempt) == (queued.id, "processing", 1)
    pixels = read_image(await blobs.get_input(digest), max_pixels=settings.max_image_pixels)
    job = Job(taken.id, taken.plan, (pixels,))

    # 6. and 7. The engine makes the picture in steps.
    steps: list[int] = []
    pictures = run_here(load_engine("tiny"), [job], lambda id, i, of: steps.append(i))
    assert steps == [1, 2, 3, 4]
    assert pictures[job.id].shape == (64, 96, 4)

    # 8. The pixels become a file, which is stored before anybody is told.
    path = result_path("local", job.id, "png")
    await blobs.put(path, encode_picture(job, pictures[job.id]))

    # 9. The last move: final state and event, in one transaction, and only if the lease is still this worker's.
    await store.finish("worker-1", taken.id, taken.attempt, path, ())
    ended = await store.get("local", taken.id)
    assert (ended.state, ended.result_path) == ("succeeded", path)

    # The listener hears of it, with a link that opens the picture.
    async with asyncio.timeout(20):
        started, finished = [json.loads(str((await anext(stream)).data)) for _ in range(2)]
    assert (started["status"], finished["status"]) == ("processing", "succeeded")
    assert (started["generation_id"], finished["generation_id"]) == (taken.id, taken.id)
    assert finished["url"].startswith(f"http://127.0.0.1:7310/api/repos/{path}?expires=")
    await stream.aclose()
    await feed.close()


async def test_the_same_life_left_to_the_server_and_its_worker(
    settings: Settings, database: Database, store: Store, hints: Hints, blobs: Blobs
) -> None:
    files, gate, deployments = Files(Assets(database), blobs, settings), Gate(Keys(database)), Deployments(database)
    log, census = EventLog(database), Census(database)
    app = create_app(Services(settings, store, log, census, hints, blobs, files, gate, deployments))
    worker = WorkerLoop("worker-1", store, deployments, blobs, hints, settings)
    working = asyncio.create_task(worker.run())
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7310", timeout=30) as client,
    ):
        answer = (await client.post("/api/ai/images/generate", json=ASKED)).json()
        assert (answer["model"], answer["size"], answer["seed"]) == ("tiny", "96x64", 7)
        picture = await client.get(answer["image_url"])
    worker.stop()
    await working
    assert Image.open(io.BytesIO(picture.content)).size == (96, 64)
