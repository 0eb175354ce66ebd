"""How a call waits for its generations: until all have ended, the caller hangs up, or the server stops."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect

from limner.api.feed import Feed
from limner.api.parameters import read_key
from limner.api.problems import recall
from limner.api.services import services_of
from limner.errors import Conflict, LimnerError, Stopping, TimedOut
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
    try:
        return await wait_together(request, generations, after)
    except Stopping:
        raise
    except (LimnerError, ClientDisconnect):
        if read_key(request) is None:
            await cancel_all(services_of(request).store, generations)
        raise


async def wait_together(request: Request, generations: Sequence[Generation], after: int) -> list[Generation]:
    """The generations once all have succeeded; raises as `wait_for_all` does, but cancels nothing.

    ClientDisconnect is raised when the caller hangs up.
    """
    services, feed = services_of(request), feed_of(request)
    ended = asyncio.create_task(_all_succeeded(feed, services.store, generations, after))
    hung_up = asyncio.create_task(hang_up(request))
    stopping = asyncio.create_task(feed.stopping.wait())
    waits = (ended, hung_up, stopping)
    try:
        await asyncio.wait(waits, timeout=services.settings.sync_timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and ended.exception() is None:
            return ended.result()
        if feed.stopping.is_set():
            raise stopping_error()
        if ended.done():
            return ended.result()
        if hung_up.done():
            raise ClientDisconnect
        raise timed_out(services.settings.sync_timeout_seconds)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def stopping_error() -> Stopping:
    """What a caller is told whose generations outlive this server."""
    return Stopping("The server is shutting down; the generations stay in the queue and go on when it is back.")


def timed_out(seconds: float) -> TimedOut:
    """What a caller is told who has waited for too long."""
    return TimedOut(f"The picture was not ready after {seconds:g} seconds; use the queue for long work.")


def feed_of(request: Request) -> Feed:
    """The feed of the app that this request came to."""
    feed: Feed = request.app.state.feed
    return feed


async def endings(
    feed: Feed, store: Store, generations: Sequence[Generation], after: int
) -> AsyncGenerator[Generation | None, None]:
    """Each of the generations as it succeeds, and None whenever there may be other news of them.

    `after` is an event id from before they were queued. The first that fails raises its error, one that was cancelled
    Conflict.
    """
    namespace = generations[0].namespace
    channel = await feed.channel(namespace)
    waiting = {generation.id for generation in generations}
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
                waiting.discard(id)
                yield generation
        if waiting and not page.events and not page.gap:
            yield None
            await news.wait()


async def hang_up(request: Request) -> None:
    """Return when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def cancel_all(store: Store, generations: Sequence[Generation]) -> None:
    """Cancel those that have not ended, since nobody waits for them any more."""
    for generation in generations:
        await store.cancel(generation.namespace, generation.id)
    log.info("cancelled with their synchronous call", action="cancel", count=len(generations))


async def _all_succeeded(feed: Feed, store: Store, generations: Sequence[Generation], after: int) -> list[Generation]:
    done = {one.id: one async for one in endings(feed, store, generations, after) if one is not None}
    return [done[generation.id] for generation in generations]
