"""Every error answer has the documented shape, whoever raised it, and tells nothing a caller should not know."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
import pytest
import structlog
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive

from limner import errors
from limner.api.problems import recall

SendRaw = Callable[[str, str, dict[str, str], Receive], Coroutine[None, None, list[Message]]]
SECRET = "/home/ox/.secret"


def check(answer: httpx2.Response, status: int, type: str) -> str:
    """The detail of an error answer whose shape is right."""
    assert answer.status_code == status
    problem = answer.json()
    assert set(problem) == {"error", "status", "status_message"}
    assert set(problem["error"]) - {"field"} == {"type", "title", "detail", "message"}
    assert problem["status"] == "error"
    assert problem["status_message"] == problem["error"]["type"] == type
    assert problem["error"]["message"] == problem["error"]["detail"]
    assert answer.headers["x-request-id"]
    return str(problem["error"]["detail"])


@pytest.mark.parametrize("path", ["/none", "/%00", "/api/ai/queue/", "/api/ai/%2F", "/openapi.json", "/redoc", "/%ff"])
async def test_an_unknown_route_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    check(await client.get(path), 404, "resource_not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/ai/queue", "GET, POST"),
        ("POST", "/api/ai/queue/x", "DELETE, GET"),
        ("GET", "/api/ai/images/generate", "POST"),
        ("POST", "/api/events", "GET"),
        ("DELETE", "/", "GET, HEAD"),
        ("OPTIONS", "/api/ai/queue", "GET, POST"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    client: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    check(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_what_nobody_expected_is_a_bare_500(app: FastAPI, client: httpx2.AsyncClient) -> None:
    @app.get("/breaks")
    async def breaks() -> None:
        raise ZeroDivisionError(SECRET)

    with structlog.testing.capture_logs() as logged:
        answer = await client.get("/breaks")
    assert [(one["event"], one["path"]) for one in logged] == [("unexpected failure", "/breaks")]
    detail = check(answer, 500, "unknown_error")
    assert SECRET not in answer.text
    assert answer.headers["x-request-id"] in detail


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Unauthenticated("no key"), 401),
        (errors.Forbidden("no"), 403),
        (errors.Conflict("no"), 409),
        (errors.TooLarge("no"), 413),
        (errors.TooBusy("no", retry_after_seconds=3), 429),
        (errors.OutOfMemory("no"), 500),
        (errors.StorageFailed("no"), 503),
    ],
)
async def test_an_expected_failure_keeps_its_code(
    app: FastAPI, client: httpx2.AsyncClient, error: errors.LimnerError, status: int
) -> None:
    @app.get("/fails")
    async def fails() -> None:
        raise error

    check(await client.get("/fails"), status, error.code)


async def test_a_framework_error_of_types_is_a_400_that_names_the_field(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    @app.get("/typed")
    async def typed(count: int) -> int:
        return count

    assert "count" in check(await client.get("/typed?count=x"), 400, "invalid_params")


async def test_an_answer_that_already_began_is_not_begun_again(app: FastAPI, send_raw: SendRaw) -> None:
    async def broken() -> Any:
        yield b"some"
        raise ZeroDivisionError(SECRET)

    @app.get("/half")
    async def half() -> StreamingResponse:
        return StreamingResponse(broken())

    async def receive() -> Message:
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    with structlog.testing.capture_logs():
        messages = await send_raw("GET", "/half", {"host": "localhost"}, receive)
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]


async def test_half_a_surrogate_in_an_error_is_sent_as_text(app: FastAPI, client: httpx2.AsyncClient) -> None:
    @app.get("/surrogate")
    async def surrogate() -> None:
        raise errors.InvalidRequest("bad \ud800 text" + "x" * 9_000)

    detail = check(await client.get("/surrogate"), 400, "invalid_params")
    assert detail.startswith("bad \\ud800 text")
    assert len(detail) < 2_100


def test_a_stored_failure_is_the_error_it_was() -> None:
    assert isinstance(recall("out_of_memory", "m"), errors.OutOfMemory)
    assert isinstance(recall("unheard_of", "m"), errors.EngineFailed)
