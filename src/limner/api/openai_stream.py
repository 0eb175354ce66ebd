"""Streams of OpenAI's dialect: partial images of the running diffusion, then each picture, as server-sent events.

The status is held until the first event, so that what fails early is an ordinary error answer; whoever waits longer
gets the status and comments, which every client passes over. Each event is one write: some clients read slowly
otherwise. There is no image index in this dialect, so pictures come in order, and partial images only of the next one.
"""

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from limner.api.openai_answers import count_tokens, gather_warnings, show_values
from limner.api.openai_errors import describe
from limner.api.openai_fields import Asked
from limner.api.problems import openai_envelope
from limner.api.runs import Run, Runs
from limner.api.services import services_of
from limner.api.waiting import endings, feed_of, hang_up, stopping_error, timed_out
from limner.errors import LimnerError, NotFound
from limner.images.blobs import Blobs, preview_path
from limner.wire import Generation, ImageRequest

HOLD_SECONDS = 15.0
"""How long the status waits for the first event; then how long a stream is silent before a comment."""
RETRY_HEADER = "x-stainless-retry-count"
"""Sent by OpenAI's own clients: how often this request was tried before."""
KEEP_ALIVE = b": keep-alive\n\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Streamed:
    """What is streamed: the request in both vocabularies, and the first half of its events' names."""

    asked: Asked
    wanted: ImageRequest
    dialect: str


async def stream(request: Request, runs: Runs, run: Run, streamed: Streamed) -> Response:
    """The answer that streams a run, once its first event is there or was long in coming; raises what fails before."""
    answer = EventStream(request, runs, run, _events(request, run, streamed))
    await answer.hold()
    return answer


class EventStream(Response):
    """Sends events until the last, a failure, or the caller's end; then it lets go of the run, once."""

    media_type = "text/event-stream"

    def __init__(
        self,
        request: Request,
        runs: Runs,
        run: Run,
        events: AsyncGenerator[bytes, None],
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._request, self._runs, self._run = request, runs, run
        self._events = events
        self._hold_seconds = hold_seconds
        self._next = asyncio.create_task(self._advance())
        self._hung_up = asyncio.create_task(hang_up(request))
        self._seconds = services_of(request).settings.sync_timeout_seconds
        self._ends_at = time.monotonic() + self._seconds

    async def hold(self) -> None:
        """Wait for the first event, so long; raises what goes wrong until then."""
        try:
            await self._look()
            if self._next.done():
                self._next.result()
        finally:
            if end := sys.exception():
                await self._close(end, may_return=RETRY_HEADER in self._request.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events. `receive` is read by the one who watches whether the caller is there."""
        told: LimnerError | None = None
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send_events(send)
        except LimnerError as error:
            log.warning("stream failed", action="answer", code=error.code, message=error.message)
            told = error
            await send(_part(_frame("error", openai_envelope(describe(error)))))
        finally:
            await self._close(told or sys.exception(), may_return=False)
        await send(_part(b"", more=False))

    async def _send_events(self, send: Send) -> None:
        while True:
            await self._look()
            if not self._next.done():
                await send(_part(KEEP_ALIVE))
                continue
            event = self._next.result()
            if event is None:
                return
            await send(_part(event))
            self._next = asyncio.create_task(self._advance())

    async def _look(self) -> None:
        """Wait until there is an event, or for so long; raises when the caller has gone or waited for too long."""
        left = self._ends_at - time.monotonic()
        waits = (self._next, self._hung_up)
        await asyncio.wait(waits, timeout=max(0.0, min(self._hold_seconds, left)), return_when=asyncio.FIRST_COMPLETED)
        if self._next.done():
            return
        if self._hung_up.done():
            raise ClientDisconnect
        if left <= self._hold_seconds:
            raise timed_out(self._seconds)

    async def _advance(self) -> bytes | None:
        return await anext(self._events, None)

    async def _close(self, end: BaseException | None, *, may_return: bool) -> None:
        waits = (self._next, self._hung_up)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await self._events.aclose()
        self._runs.part(self._run, end, may_return=may_return)


async def _events(request: Request, run: Run, streamed: Streamed) -> AsyncGenerator[bytes, None]:
    """The events of a run, each ready to be sent."""
    services, feed = services_of(request), feed_of(request)
    done: dict[int, Generation] = {}
    place = shown = 0
    channel = await feed.channel(streamed.wanted.namespace)
    async with aclosing(endings(feed, services.store, run.generations, run.after)) as heard:
        async for one in heard:
            if feed.stopping.is_set():
                raise stopping_error()
            if one is not None:
                done[one.image_index] = one
            while place in done:
                picture = await services.blobs.get(done[place].result_path or "")
                yield await asyncio.to_thread(_completed, streamed, done[place], picture, shown)
                place, shown = place + 1, 0
            if place < len(run.generations):
                current = run.generations[place]
                for index in sorted(channel.previews.get(current.id, {})):
                    preview = await _read_preview(services.blobs, current, index) if index >= shown else None
                    if preview is not None:
                        shown = index + 1
                        yield await asyncio.to_thread(_partial, streamed, current, preview, index)


async def _read_preview(blobs: Blobs, generation: Generation, index: int) -> bytes | None:
    path = preview_path(generation.namespace, generation.id, index, generation.plan.output_format)
    try:
        return await blobs.get_preview(path)
    except NotFound:  # it is ten minutes old; the picture itself is still to come
        return None


def _partial(streamed: Streamed, generation: Generation, picture: bytes, index: int) -> bytes:
    return _frame(f"{streamed.dialect}.partial_image", _show(generation, picture) | {"partial_image_index": index})


def _completed(streamed: Streamed, generation: Generation, picture: bytes, shown: int) -> bytes:
    """The last event of one picture."""
    usage = count_tokens(streamed.wanted, [generation.plan], partial_images=shown)
    data = _show(generation, picture) | {
        "usage": usage,
        "seed": generation.plan.seed,
        "generation_id": generation.id,
        "warnings": gather_warnings(streamed.asked.warnings, [generation]),
    }
    if streamed.asked.safety_identifier is not None:
        data["safety_identifier"] = streamed.asked.safety_identifier
    return _frame(f"{streamed.dialect}.completed", data)


def _show(generation: Generation, picture: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(picture).decode()
    return {"b64_json": encoded, "created_at": int(time.time()), **show_values(generation.plan)}


def _frame(name: str, data: dict[str, Any]) -> bytes:
    """One event: its name, which is also its `type`, and its data on one line."""
    text = json.dumps({"type": name, **data}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode()


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
