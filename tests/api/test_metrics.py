"""GET /metrics: what Prometheus reads, who may read it, and that no label holds what a caller wrote."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from limner.api.events import follow, read_subscription, while_allowed
from limner.api.metrics import Metrics
from limner.api.services import Services, Workers
from limner.records.keys import Keys

OX = {"model": "tiny", "prompt": "a moonlit ox steps=2", "size": "64x64"}


async def read(client: httpx2.AsyncClient, headers: dict[str, str] | None = None) -> dict[tuple[str, ...], float]:
    """The samples by their name and label values, in the order of the labels' names."""
    answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return samples(answer.text)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """What `read` returns, of a text."""
    found = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in found}


async def test_an_idle_server_shows_its_models_with_zeros(client: httpx2.AsyncClient) -> None:
    shown = await read(client)
    for model in ("tiny", "storybook", "other"):
        assert shown["limner_queue_generations", model, "queued"] == 0
        assert shown["limner_queue_oldest_seconds", model] == 0
    assert shown["limner_workers", "living"] == 0
    assert shown["limner_event_streams",] == 0
    assert any(name[0] == "limner_build_info" for name in shown)


async def test_what_waits_is_counted_with_its_age(client: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await client.post("/api/ai/queue", json=OX | {"num_generations": 2})
    shown = await read(client)
    assert shown["limner_queue_generations", "tiny", "queued"] == 4
    assert 0 < shown["limner_queue_oldest_seconds", "tiny"] < 60


async def test_no_age_is_below_zero_after_the_clock_was_set_back(
    client: httpx2.AsyncClient, services: Services
) -> None:
    await client.post("/api/ai/queue", json=OX)
    with closing(sqlite3.connect(services.settings.database_file)) as database, database:
        database.execute("UPDATE generations SET enqueued_at = ?", (time.time() + 3600,))
    assert (await read(client))["limner_queue_oldest_seconds", "tiny"] == 0


@pytest.mark.usefixtures("worker")
async def test_ends_are_counted_by_state_and_code_and_timed(client: httpx2.AsyncClient) -> None:
    await read(client)
    assert (await client.post("/api/ai/images/generate", json=OX | {"num_inference_steps": 3})).status_code == 200
    assert (await client.post("/api/ai/images/generate", json=OX | {"prompt": "fail"})).status_code == 500
    shown = await read(client)
    assert shown["limner_generations_ended_total", "none", "tiny", "succeeded"] == 1
    assert shown["limner_generations_ended_total", "engine_failed", "tiny", "failed"] == 1
    assert shown["limner_steps_total", "tiny"] == 3
    spans = {phase: shown["limner_generation_seconds_sum", "tiny", phase] for phase in ("waiting", "running", "whole")}
    assert spans["waiting"] + spans["running"] == pytest.approx(spans["whole"])
    assert shown["limner_generation_seconds_count", "tiny", "whole"] == 1
    assert shown["limner_generation_seconds_bucket", "+Inf", "tiny", "whole"] == 1
    assert (await read(client))["limner_steps_total", "tiny"] == 3, "counted once"


async def test_requests_are_counted_by_template_and_never_by_path(client: httpx2.AsyncClient) -> None:
    await client.get("/api/ai/queue/secret-path")
    await client.get("/nowhere/secret-path")
    await client.request("BREW", "/nowhere")
    await client.get("/", headers={"Host": "evil.example"})
    answer = await client.get("/metrics")
    counted = {
        name[1:]: value for name, value in samples(answer.text).items() if name[0] == "limner_http_requests_total"
    }
    assert counted == {
        ("GET", "/api/ai/queue/{generation_id}", "404"): 1,
        ("GET", "none", "404"): 1,
        ("other", "none", "404"): 1,
        ("GET", "none", "403"): 1,
    }
    assert "secret-path" not in answer.text


async def test_workers_are_counted_by_state_and_their_restarts_add_up(services: Services) -> None:
    looks = iter([Workers(1, 1, 3), Workers(2, 0, 4)])
    metrics = Metrics(replace(services, workers=lambda: next(looks)))
    for living, restarting, restarts in ((1, 1, 3), (2, 0, 4)):
        shown = samples((await metrics.write()).decode())
        assert shown["limner_workers", "living"] == living
        assert shown["limner_workers", "restarting"] == restarting
        assert shown["limner_worker_restarts_total",] == restarts


async def test_an_open_stream_is_counted_until_it_is_closed(app: FastAPI, client: httpx2.AsyncClient) -> None:
    # Below HTTP, since the client here reads whole answers only.
    scope = {"type": "http", "method": "GET", "path": "/api/events", "query_string": b"", "app": app}
    request = Request(scope | {"headers": [(b"host", b"127.0.0.1")], "scheme": "http", "server": ("127.0.0.1", 7310)})
    wanted = await read_subscription(request)
    stream = while_allowed(request, follow(app.state.feed, app.state.services.files, wanted))
    reader = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.05)
    assert (await read(client))["limner_event_streams",] == 1
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    await stream.aclose()
    assert (await read(client))["limner_event_streams",] == 0


async def test_with_keys_in_use_it_asks_for_admin_and_names_no_namespace(
    client: httpx2.AsyncClient, keys: Keys
) -> None:
    _, looks = await keys.create("ada-the-secret", ("read", "write"))
    _, scrapes = await keys.create("scraper", ("admin",))
    queued = await client.post("/api/ai/queue", json=OX, headers={"Authorization": f"Bearer {looks}"})
    assert queued.status_code == 200
    assert (await client.get("/metrics")).status_code == 401
    refused = await client.get("/metrics", headers={"Authorization": f"Bearer {looks}"})
    assert refused.status_code == 403
    assert "no scope `admin`" in refused.json()["error"]["message"]
    shown = await client.get("/metrics", headers={"Authorization": f"Bearer {scrapes}"})
    assert 'limner_queue_generations{model="tiny",state="queued"} 1.0' in shown.text
    assert "ada-the-secret" not in shown.text
    assert "moonlit" not in shown.text
