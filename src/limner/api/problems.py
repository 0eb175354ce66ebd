"""Every error answer of the HTTP surface, in the shape of the dialect that its path speaks, and the edge that catches
what nobody expected. The hub's shape is here, OpenAI's in `openai_errors`.

Not here: the errors themselves (`limner.errors`) and the decision which one to raise.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from limner import errors
from limner.api import openai_errors

LONGEST_TEXT = 2000
"""Characters of an error text that are sent; callers' own words may be in it, and they may be long."""

log = structlog.get_logger(__name__)

# Statuses that belong to HTTP itself and that no error of `limner.errors` stands for.
PROTOCOL_PROBLEMS = {
    400: (errors.InvalidRequest.code, errors.InvalidRequest.title, "The request could not be read."),
    404: (errors.NotFound.code, errors.NotFound.title, "There is no such route."),
    405: ("method_not_allowed", "This method is not allowed here", "The route exists, but not with this method."),
    413: (errors.TooLarge.code, errors.TooLarge.title, "The request body is too large."),
    415: ("unsupported_media_type", "The content type is not supported", "Send the body as application/json."),
}


def answer(
    scope: Scope,
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    field: str | None = None,
) -> JSONResponse:
    """What is no LimnerError, in the shape of the path in `scope`; the hub's has a `field` where there is one."""
    if openai_errors.speaks_openai(scope["path"]):
        inside = openai_errors.describe_protocol(status, code, detail, scope["method"], scope["path"])
        return _answer_openai(status, inside, headers or {})
    detail = clean(detail)
    error = {"type": code, "title": title, "detail": detail, "message": detail}
    if field is not None:
        error["field"] = clean(field)
    body = {"error": error, "status": "error", "status_message": code}
    return JSONResponse(body, status_code=status, headers=headers)


def answer_error(error: errors.LimnerError, scope: Scope) -> JSONResponse:
    """An expected failure as an answer to the request of `scope`."""
    headers = None
    if isinstance(error, errors.TooBusy):
        headers = {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.Unauthenticated):
        headers = {"WWW-Authenticate": "Bearer"}
    if openai_errors.speaks_openai(scope["path"]):
        inside = openai_errors.describe(error)
        if isinstance(error, errors.Unauthenticated) and "authorization" not in Headers(scope=scope):
            inside["code"] = None
        return _answer_openai(error.status, inside, (headers or {}) | openai_errors.retry_headers(error))
    return answer(scope, error.status, error.code, error.title, error.message, headers, error.field)


def _answer_openai(status: int, inside: dict[str, str | None], headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse(openai_envelope(inside), status_code=status, headers=headers)


def openai_envelope(inside: dict[str, str | None]) -> dict[str, Any]:
    """The body of an error answer in OpenAI's shape, every text in it fit to be sent."""
    return {"error": {name: text if text is None else clean(text) for name, text in inside.items()}}


def clean(text: str) -> str:
    """The text cut to a sane length and without anything that UTF-8 cannot carry."""
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + " ..."
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


def recall(code: str, message: str) -> errors.LimnerError:
    """The error that a failed generation's stored code and message stand for."""
    for kind in (errors.EngineFailed, errors.OutOfMemory, errors.StorageFailed, errors.LeaseLost):
        if kind.code == code:
            return kind(message)
    if code == errors.InvalidRequest.code:
        return errors.InvalidRequest(message)
    return errors.EngineFailed(message)


def install(app: FastAPI) -> None:
    """Make every failure inside `app`, routing included, answer in the documented shape."""

    async def limner_error(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, errors.LimnerError):
            raise error
        if error.status >= 500:
            log.error("request failed", action="answer", code=error.code, message=error.message)
        return answer_error(error, request.scope)

    async def http_error(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(app, request.scope))
        known = PROTOCOL_PROBLEMS.get(error.status_code)
        if known is None:
            known = ("unknown_error", "The request failed", str(error.detail))
        return answer(request.scope, error.status_code, *known, headers)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        return answer_error(errors.InvalidRequest(f"{field}: {first['msg']}", field=field), request.scope)

    app.add_exception_handler(errors.LimnerError, limner_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """The methods that some route accepts for the path of `scope`."""
    found: set[str] = set()
    for route in app.router.routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


class Edge:
    """The outermost layer: numbers each request and turns whatever nobody caught into a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; the answer carries its number as X-Request-Id and the log names the same."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        started = False

        async def numbered(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id, method=scope["method"]):
            try:
                await self.app(scope, receive, numbered)
            except ClientDisconnect:
                log.info("caller hung up", action="answer")
            except Exception as error:
                log.error("unexpected failure", action="answer", path=scope["path"], exc_info=error)
                if not started:
                    await self._apologise(scope, request_id)(scope, receive, numbered)

    @staticmethod
    def _apologise(scope: Scope, request_id: str) -> Any:
        detail = f"Something unexpected went wrong; the server's log names it under request {request_id}."
        return answer(scope, 500, "unknown_error", "The server failed", detail)
