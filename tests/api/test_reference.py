"""The OpenAPI document: complete, open to all, and of one mind with the routes and with the models' own schemas."""

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from limner.api.app import create_app
from limner.api.auth import FAILURE_SECONDS, Gate
from limner.api.constraints import EXAMPLE, PARAMETERS
from limner.api.parameters import SyncBody
from limner.api.reference import document
from limner.api.services import Services
from limner.engines.plan import plan
from limner.engines.registry import resolve
from limner.records.keys import Keys

BASE = "http://127.0.0.1:7310"
KNOWN = {"generation_id": "9c5a3c1e-7a3f-4f0b-8a43-5f1f2f6f0c11", "revision": "main", "branch": "main", "folder": "x"}


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of a document: its method, a path that fits it, and the rest."""
    for path, found in made["paths"].items():
        for method, operation in found.items():
            yield method.upper(), re.sub(r"\{(\w+)\}", lambda name: KNOWN.get(name[1], "local"), path), operation


@pytest.fixture
async def impatient(services: Services, keys: Keys) -> AsyncIterator[tuple[FastAPI, httpx2.AsyncClient]]:
    """A server with a key, whose clock runs so fast that no address is ever refused for its failures."""
    clock = itertools.count(step=FAILURE_SECONDS)
    app = create_app(replace(services, gate=Gate(keys, clock=lambda: float(next(clock)))))
    await keys.create("local", ("read", "write", "admin"))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE, timeout=30) as client,
    ):
        yield app, client


async def test_the_document_is_open_to_all_and_the_frameworks_own_is_off(
    client: httpx2.AsyncClient, app: FastAPI, keys: Keys
) -> None:
    await keys.create("local", ("read",))
    found = await client.get("/api/reference/openapi.json")
    assert found.status_code == 200
    assert found.json() == document(app)
    assert (await client.get("/openapi.json")).status_code == 404
    assert (await client.get("/redoc")).status_code == 404


def test_every_route_is_in_the_document(services: Services) -> None:
    app = create_app(services)
    made = document(app)
    for route in app.routes:
        assert isinstance(route, APIRoute)
        if not route.include_in_schema:
            assert route.path.startswith("/docs/"), "only what the pages of the documentation are shown with"
            continue
        assert {method.lower() for method in route.methods or ()} <= set(made["paths"][route.path_format])
    names = [operation["operationId"] for _, _, operation in operations(made)]
    assert len(names) == len(set(names))


def test_every_name_that_the_document_refers_to_is_in_it(services: Services) -> None:
    made = document(create_app(services))
    for reference in re.findall(r"'\$ref': '#/([^']+)'", repr(made)):
        found: Any = made
        for part in reference.split("/"):
            found = found[part]
        assert found


async def test_what_needs_a_key_is_refused_without_and_the_rest_is_not(
    impatient: tuple[FastAPI, httpx2.AsyncClient],
) -> None:
    app, client = impatient
    for method, path, operation in operations(document(app)):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = await client.request(method, path, headers=headers)
            needed = operation["security"] == [{"key": []}]
            assert (answer.status_code == 401) is needed or operation["security"] == [{"key": []}, {}], (method, path)
            assert str(answer.status_code) in operation["responses"], (method, path, answer.text)
            assert ("www-authenticate" in answer.headers) is (answer.status_code == 401)


async def test_the_parameters_of_every_query_are_those_that_its_route_reads(
    client: httpx2.AsyncClient, app: FastAPI
) -> None:
    strict = 0
    for method, path, operation in operations(document(app)):
        answer = await client.request(method, f"{path}?unheard-of=1")
        if told := re.search(r"this route takes ([\w, ]+)", answer.text):
            strict += 1
            known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
            assert known == set(told[1].split(", ")), path
    assert strict >= 5


def test_every_parameter_of_an_image_says_what_it_may_be(services: Services) -> None:
    schemas = document(create_app(services))["components"]["schemas"]
    for body in ("SyncBody", "EditBody", "QueueBody", "OpenAIGenerationBody", "OpenAIEditBody"):
        for name, schema in schemas[body]["properties"].items():
            assert schema.get("description"), f"{name} of {body} stands in no table of constraints"


def test_no_model_lets_pass_what_the_document_forbids() -> None:
    for name, own in resolve("storybook").request_schema["properties"].items():
        known = PARAMETERS[name]
        assert set(own.get("enum", [])) <= set(known.get("enum", own.get("enum", [])))
        assert own.get("minimum", 0) >= known.get("minimum", 0)
        assert own.get("maximum", 0) <= known.get("maximum", own.get("maximum", 0))


async def test_the_page_shows_every_route_and_loads_nothing(client: httpx2.AsyncClient, app: FastAPI) -> None:
    page = await client.get("/api/reference")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"<[^>]+(src|href)=\"?(https?:)?//", page.text), "nothing of others is loaded"
    for path, found in document(app)["paths"].items():
        for method in found:
            assert f"<code>{method.upper()} {path}</code>" in page.text


@pytest.mark.parametrize("path", ["/api/ai/queue?repo=elsewhere&favourite=perhaps", "/api/events?last_event_id=0.5"])
async def test_a_bad_value_is_refused_even_where_it_changes_nothing(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Last-Event-ID": "0"})
    assert answer.status_code == 400


def test_the_example_of_the_bodies_can_be_made() -> None:
    body = SyncBody.model_validate(EXAMPLE)
    assert plan(body.to_request("local", []), resolve(body.model), 1)[0].steps > 0
