"""GET /api/events: what happens to the caller's generations, as server-sent events in the hub's dialect.

A stream opened without Last-Event-ID begins with what ended lately, so that who enqueues first and subscribes
afterwards misses nothing; with it, it goes on after that event. It keeps no queue: it reads the feed at its own pace.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import APIRouter, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from limner.api import answers
from limner.api.assets import Files
from limner.api.auth import caller
from limner.api.constraints import many_of, whole
from limner.api.contract import events_of, in_header, in_query, promise
from limner.api.feed import Channel, Feed, Preview, Progress
from limner.api.metrics import Metrics
from limner.api.queries import read_integer, read_one, read_query, read_words
from limner.api.services import base_url, services_of
from limner.errors import CallerError, StorageFailed
from limner.images.blobs import preview_path
from limner.queue.history import FRESH_SECONDS
from limner.queue.states import ENDING
from limner.wire import Event

KEEP_ALIVE_SECONDS = 15
REPLAY_SECONDS = 300
MAX_REPLAY_SECONDS = 86_400
INCLUDABLE = ("cancelled", "partial", "progress", "started")
NAMES = {
    "succeeded": "media_generation_completed",
    "failed": "media_generation_completed",
    "cancelled": "media_generation_cancelled",
    "started": "media_generation_started",
}
PROGRESS = "media_generation_progress"
PARTIAL = "media_generation_partial_image"
GAP = "gap"
GAP_REASON = "Events after this one are no longer in the log; list the generations to see where they stand."
PRUNED = "The image has been removed from this server."
MAX_EVENT_ID = 10**15
PADDING = "." * 4096
"""Follows what ended: awk on Debian (mawk) sees a line of a pipe only once 4096 bytes have come after it."""
SECOND_LOOK_SECONDS = 1.0
"""Then comes a keep-alive: `curl | awk '...; exit'` ends only when curl writes again and finds awk gone."""

EVENT_ID = {"type": "integer", "minimum": 0, "maximum": MAX_EVENT_ID}
SUBSCRIBED = (
    in_query("include", many_of("Also these; what succeeds and fails is always sent.", *INCLUDABLE), many=True),
    in_query(
        "replay_seconds",
        whole(f"Begin with what ended so lately; {REPLAY_SECONDS} if left out.", 0, MAX_REPLAY_SECONDS),
    ),
    in_query("last_event_id", whole("Go on after this event; the header does the same.", 0, MAX_EVENT_ID)),
    in_header(
        "Last-Event-ID",
        {"description": "Go on after this event; empty is as if left out.", "anyOf": [EVENT_ID, {"const": ""}]},
    ),
)
STREAM = {
    "description": "An endless stream; see the page of the events for what each `data` holds.",
    "content": events_of(answers.EventData),
}
log = structlog.get_logger(__name__)
router = APIRouter()


@dataclass(frozen=True)
class Subscription:
    """What one stream wants to see, and from where on."""

    namespace: str
    kinds: frozenset[str]
    """Kinds of events, and `progress` and `partial`."""
    after: int | None
    """Id of the last event the reader has seen; None for a new reader."""
    replay_seconds: float
    base: str
    """Scheme and host of the URLs."""


@router.get("/api/events", **promise(None, *SUBSCRIBED, sends=STREAM))
async def stream_events(request: Request) -> EventSourceResponse:
    """What happens to the caller's generations, as an endless stream of server-sent events."""
    subscription = await read_subscription(request)
    feed: Feed = request.app.state.feed
    await feed.channel(subscription.namespace)  # a database that fails is an error answer, not a broken stream
    return EventSourceResponse(
        while_allowed(request, follow(feed, services_of(request).files, subscription)),
        ping=KEEP_ALIVE_SECONDS,
        ping_message_factory=keep_alive,
        sep="\n",
    )


async def while_allowed(
    request: Request, messages: AsyncGenerator[ServerSentEvent, None]
) -> AsyncGenerator[ServerSentEvent, None]:
    """The messages, until the key of the request expires or is revoked: a stream may be open for days."""
    metrics: Metrics = request.app.state.metrics
    with metrics.streams.track_inprogress():
        async with contextlib.aclosing(messages):
            try:
                async for message in messages:
                    try:
                        await caller(request)
                    except CallerError:
                        return
                    yield message
            except StorageFailed as error:  # the reader comes back with its Last-Event-ID
                log.error("cannot go on with a stream", action="follow", message=error.message)


async def read_subscription(request: Request) -> Subscription:
    """What the query and the headers ask for; InvalidRequest names what is wrong."""
    query = read_query(request, "include", "replay_seconds", "last_event_id")
    include = read_words(query, "include", INCLUDABLE)
    replay = read_one(query, "replay_seconds")
    given = (request.headers.get("last-event-id"), read_one(query, "last_event_id"))
    seen = [read_integer(text.strip(), "Last-Event-ID", 0, MAX_EVENT_ID) for text in given if text]
    return Subscription(
        namespace=await caller(request),
        kinds=frozenset(("succeeded", "failed", *include)),
        after=seen[0] if seen else None,
        replay_seconds=read_integer(replay, "replay_seconds", 0, MAX_REPLAY_SECONDS) if replay else REPLAY_SECONDS,
        base=base_url(request),
    )


async def follow(feed: Feed, files: Files, wanted: Subscription) -> AsyncGenerator[ServerSentEvent, None]:
    """The messages of one stream, until the reader goes away or the server stops."""
    channel = await feed.channel(wanted.namespace)
    last, reported, ended = channel.last_id if wanted.after is None else wanted.after, 0, False
    replayed = 0
    """Up to here only ends are told, as far as they are asked for."""
    if wanted.after is None and wanted.replay_seconds:
        replayed = last
        last = min(last, await feed.last_before(wanted.namespace, wanted.replay_seconds))
    while not feed.stopping.is_set():
        news = channel.news  # taken before reading, so that nothing can come in between unseen
        page = await feed.after(wanted.namespace, last)
        if page.gap:
            yield _message(GAP, {"last_event_id": last, "reason": GAP_REASON}, page.last_id)
        for event in page.events:
            if event.kind in wanted.kinds and (event.id > replayed or event.kind in ENDING):
                ended = ended or event.kind in ENDING
                yield await _show(event, files, wanted.base)
        last = page.last_id
        for report in reports(channel, wanted.kinds, reported):
            reported = report.number
            yield _show_report(report, files, wanted, last)
        if page.events or page.gap:
            continue
        if ended:
            ended = False
            yield ServerSentEvent(comment=PADDING, sep="\n")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), SECOND_LOOK_SECONDS)
            yield keep_alive()
        await news.wait()


def reports(channel: Channel, kinds: frozenset[str], after: int) -> list[Progress | Preview]:
    """What running generations have shown since the report numbered `after`, of the kinds asked for, in order."""
    found: list[Progress | Preview] = []
    if "progress" in kinds:
        found += channel.progress.values()
    if "partial" in kinds:
        found += [shown for of_one in channel.previews.values() for shown in of_one.values()]
    return sorted((report for report in found if report.number > after), key=lambda report: report.number)


def keep_alive() -> ServerSentEvent:
    """A comment that clients pass over; it keeps the connection from looking dead."""
    return ServerSentEvent(comment="keep-alive", sep="\n")


async def _show(event: Event, files: Files, base: str) -> ServerSentEvent:
    data: dict[str, Any] = {"generation_id": event.generation_id, "status": event.kind, "media_type": "image"}
    match event.kind:
        case "succeeded":
            data |= {"model": event.data["model"], "url": files.result_url(event.data["result_path"], base)}
            data |= {"warnings": event.data["warnings"]} if event.data["warnings"] else {}
            old = event.created_at < time.time() - FRESH_SECONDS
            if old and not await files.blobs.exists(event.data["result_path"]):
                data |= {"url": None, "warnings": [*event.data["warnings"], PRUNED]}
        case "failed":
            data["error"] = event.data["error_message"]
        case "started":
            data["status"] = "processing"
    return _message(NAMES[event.kind], data, event.id)


def _show_report(report: Progress | Preview, files: Files, wanted: Subscription, last: int) -> ServerSentEvent:
    data: dict[str, Any] = {"generation_id": report.generation_id, "of": report.of, "media_type": "image"}
    if isinstance(report, Progress):
        return _message(PROGRESS, data | {"step": report.step}, last)
    path = preview_path(wanted.namespace, report.generation_id, report.index, report.output_format)
    return _message(PARTIAL, data | {"index": report.index, "url": files.result_url(path, wanted.base)}, last)


def _message(name: str, data: dict[str, Any], id: int) -> ServerSentEvent:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(text, event=name, id=str(id), sep="\n")
