"""How a synchronous call waits for its generations: until all have ended, the caller hangs up, or the server stops."""

import asyncio
from collections.abc import Sequence

import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect

from limner.api.feed import Feed
from limner.api.parameters import read_key
from limner.api.problems import recall
from limner.api.services import services_of
from limner.errors import Conflict, Stopping, TimedOut
from limner.queue.states import ENDED
from limner.queue.store import Store
from limner.wire import Generation

log = structlog.get_logger(__name__)


async def wait_for_all(request: Request, generations: Sequence[Generation], after: int) -> list[Generation]:
    """The generations of one request once all have succeeded; `after` is an event id from before they were queued.

    If one fails its error is raised, if one was cancelled by somebody else Conflict, after too long TimedOut; the
    others are then cancelled, and so are all of them when the caller hangs up. When the server stops they are not:
    Stopping is raised and they stay queued. Nor are they under an Idempotency-Key, whose sender may come back for them.
    """
    services, feed = services_of(request), feed_of(request)
    namespace = generations[0].namespace
    ended = asyncio.create_task(_all_succeeded(feed, services.store, generations, after))
    hung_up = asyncio.create_task(_hang_up(request))
    stopping = asyncio.create_task(feed.stopping.wait())
    waits = (ended, hung_up, stopping)
    try:
        await asyncio.wait(waits, timeout=services.settings.sync_timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and ended.exception() is None:
            return ended.result()
        if feed.stopping.is_set():
            raise Stopping("The server is shutting down; the generations stay in the queue and go on when it is back.")
        failed, gone = ended.done(), hung_up.done()  # before the cancelling below ends the wait as well
        if read_key(request) is None:
            await _cancel_all(services.store, namespace, generations)
        if failed:
            return ended.result()
        if gone:
            raise ClientDisconnect
        limit = services.settings.sync_timeout_seconds
        raise TimedOut(f"The picture was not ready after {limit:g} seconds; use the queue for long work.")
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def feed_of(request: Request) -> Feed:
    """The feed of the app that this request came to."""
    feed: Feed = request.app.state.feed
    return feed


async def _all_succeeded(feed: Feed, store: Store, generations: Sequence[Generation], after: int) -> list[Generation]:
    namespace = generations[0].namespace
    channel = await feed.channel(namespace)
    waiting = {generation.id for generation in generations}
    done: dict[str, Generation] = {}
    ended = {generation.id for generation in generations if generation.state in ENDED}  # of an Idempotency-Key
    while waiting:
        news = channel.news  # taken before reading, so that nothing can come in between unseen
        page = await feed.after(namespace, after)
        after = page.last_id
        ended |= {event.generation_id for event in page.events if event.kind in ENDED}
        moved = waiting if page.gap else ended & waiting
        for id in sorted(moved):
            generation = await store.get(namespace, id)
            if generation.state == "failed":
                raise recall(generation.error_code or "", generation.error_message or "")
            if generation.state == "cancelled":
                raise Conflict(generation.error_message or "The generation was cancelled.")
            if generation.state == "succeeded":
                done[id] = generation
                waiting.discard(id)
        if waiting and not page.events and not page.gap:
            await news.wait()
    return [done[generation.id] for generation in generations]


async def _hang_up(request: Request) -> None:
    """Return when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cancel_all(store: Store, namespace: str, generations: Sequence[Generation]) -> None:
    for generation in generations:
        await store.cancel(namespace, generation.id)
    log.info("cancelled with their synchronous call", action="cancel", count=len(generations))
