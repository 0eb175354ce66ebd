"""The workbench: its files as they lie in the package, under a strict policy, and the session that its page begins.

The page is plain files; what it does it does through the same routes as everyone else.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from limner.api import answers, sessions
from limner.api.auth import Caller, find_caller
from limner.api.body import read_body
from limner.api.contract import ETAG, promise
from limner.api.services import base_url, services_of
from limner.errors import NotFound, Unauthenticated

FOLDER = Path(__file__).parent.parent / "workbench"
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""Nothing comes from elsewhere, nothing goes elsewhere, nobody frames the page."""

SIGNED_OUT: dict[str, Any] = {"namespace": None, "scopes": [], "keyless": False, "token": None}

PROMISED = promise(
    sends={"description": "The file.", "headers": ETAG, "content": {kind: {} for kind in MEDIA_TYPES.values()}},
    key="none",
    also=(304,),
)
router = APIRouter()


class SignIn(BaseModel):
    """The body of a sign-in."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    key: str


@router.api_route("/", methods=["GET", "HEAD"], **PROMISED)
@router.api_route("/workbench", methods=["GET", "HEAD"], **PROMISED)
async def workbench(request: Request) -> Response:
    """The page on which to run, tune and compare the models."""
    return _send(request, "index.html")


@router.api_route("/workbench/{name}", methods=["GET", "HEAD"], **PROMISED)
async def workbench_file(request: Request, name: str) -> Response:
    """A file of the workbench."""
    return _send(request, name)


@router.get("/api/limner/session", **promise(answers.Session, key="optional"))
async def get_session(request: Request) -> JSONResponse:
    """Who is asking: the namespace and the scopes, null without a valid key or session where one is needed."""
    session, services = sessions.cookie_of(request), services_of(request)
    header = request.headers.get("authorization")
    if session is None and header is None and not await services.gate.is_keyless():
        return JSONResponse(SIGNED_OUT)  # to ask is no failed attempt
    try:
        found = await find_caller(request, header, session)
    except Unauthenticated:
        return JSONResponse(SIGNED_OUT)
    token = sessions.make_token(session, services.blobs) if session and found.key_id else None
    return JSONResponse(_show(found, token))


@router.post("/api/limner/session", **promise(answers.Session, body=SignIn, key="none", also=(401, 429, 503)))
async def begin_session(request: Request) -> JSONResponse:
    """Sign in: a valid `key` is answered with a cookie that stands for it for two weeks."""
    body = await read_body(request, SignIn)
    found = await find_caller(request, f"Bearer {body.key}")
    if found.key_id is None:
        return JSONResponse(_show(found, None))
    blobs = services_of(request).blobs
    value = sessions.make_cookie(found.key_id, blobs)
    response = JSONResponse(_show(found, sessions.make_token(value, blobs)))
    sessions.set_cookie(response, value, secure=base_url(request).startswith("https:"))
    return response


@router.delete("/api/limner/session", **promise(answers.Session, key="none"))
async def end_session(request: Request) -> JSONResponse:
    """Sign out: the browser forgets its cookie."""
    response = JSONResponse(SIGNED_OUT)
    sessions.set_cookie(response, "", secure=base_url(request).startswith("https:"))
    return response


def _show(found: Caller, token: str | None) -> dict[str, Any]:
    return {
        "namespace": found.namespace,
        "scopes": list(found.scopes),
        "keyless": found.key_id is None,
        "token": token,
    }


@cache
def files() -> dict[str, tuple[bytes, str, str]]:
    """The bytes, the media type and the tag of each file of the page; nothing else is ever sent."""
    found = {}
    for file in FOLDER.iterdir():
        if file.suffix in MEDIA_TYPES:
            data = file.read_bytes()
            found[file.name] = (data, MEDIA_TYPES[file.suffix], f'"{hashlib.sha256(data).hexdigest()[:32]}"')
    return found


def _send(request: Request, name: str) -> Response:
    if name not in files():
        raise NotFound(f"There is no file {name[:200]} in the workbench.")
    data, media_type, tag = files()[name]
    headers = POLICY | {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)
