"""The log of events followed once per namespace for all who read it here: streams and synchronous calls.

The table is the truth; hints only shorten the wait, and the log is read once a second besides. Readers never queue
anything: each keeps its own place and reads on from there, so a slow one delays nobody and costs a page at most.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import islice

import structlog

from limner.errors import NotFound, StorageFailed
from limner.queue.events import EventLog, Page
from limner.queue.hints import Hint, Hints
from limner.queue.states import ENDING
from limner.queue.store import Store
from limner.wire import Event, OutputFormat

POLL_SECONDS = 1.0
KEPT_EVENTS = 2_000
"""Newest events of a namespace that readers get without asking the database."""
PAGE_EVENTS = 100
"""Most events that a reader is given at once, and so holds while it does not read on."""
KEPT_IDS = 2_000
"""Ids of generations whose progress is of no interest."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Progress:
    """Step `step` (from 1) of `of` of one generation; `number` rises with every report of a channel."""

    generation_id: str
    step: int
    of: int
    number: int


@dataclass(frozen=True)
class Preview:
    """A partial image, `index` (from 0) of `of`, that is stored in this format; `number` as in Progress."""

    generation_id: str
    index: int
    of: int
    output_format: OutputFormat
    number: int


@dataclass
class Channel:
    """What is known of one namespace's log: its newest events, and what the running generations have shown so far."""

    last_id: int
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    running: dict[str, OutputFormat] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    previews: dict[str, dict[int, Preview]] = field(default_factory=dict)
    ended_or_foreign: dict[str, None] = field(default_factory=dict)
    """Generations whose late or foreign reports are not this namespace's progress."""
    reports: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Wake every reader that waits."""
        news, self.news = self.news, asyncio.Event()
        news.set()

    def add(self, events: list[Event]) -> None:
        """Append events that follow the last one."""
        for event in events:
            self.events.append(event)
            self.last_id = event.id
            if event.kind in (*ENDING, "requeued"):
                for known in (self.running, self.progress, self.previews):
                    known.pop(event.generation_id, None)
            if event.kind in ENDING:
                remember(self.ended_or_foreign, event.generation_id)


class Feed:
    """Follows the log of every namespace that somebody reads. `stopping` is set when the server goes down."""

    def __init__(self, log: EventLog, hints: Hints, store: Store) -> None:
        self._log = log
        self._hints = hints
        self._store = store
        self._channels: dict[str, Channel] = {}
        self._opening = asyncio.Lock()
        self._followers: list[asyncio.Task[None]] = []
        self.stopping = asyncio.Event()

    async def channel(self, namespace: str) -> Channel:
        """The channel of a namespace; followed from the first call on."""
        async with self._opening:
            if namespace not in self._channels:
                channel = Channel(await self._log.last_id(namespace))
                self._channels[namespace] = channel
                self._followers.append(asyncio.create_task(self._follow(namespace, channel)))
        return self._channels[namespace]

    async def after(self, namespace: str, event_id: int) -> Page:
        """The next events above `event_id`, from memory where they are there, else from the table."""
        channel = await self.channel(namespace)
        kept = channel.events
        if kept and kept[0].id - 1 <= event_id <= channel.last_id:
            first = event_id + 1 - kept[0].id
            page = list(islice(kept, first, first + PAGE_EVENTS))
            return Page(page, False, page[-1].id if page else event_id)
        if event_id == channel.last_id:
            return Page([], False, event_id)
        # Shielded, since a reader may be cut off at any moment, and a query cut short would cost its connection.
        return await asyncio.shield(self._log.after(namespace, event_id, PAGE_EVENTS))

    async def last_before(self, namespace: str, seconds: float) -> int:
        """The id after which the events of the last `seconds` come."""
        return await asyncio.shield(self._log.last_before(namespace, seconds))

    def progress(self, namespace: str, generation_id: str) -> Progress | None:
        """The latest step of a running generation, where one was heard of."""
        channel = self._channels.get(namespace)
        return channel.progress.get(generation_id) if channel else None

    def stop(self) -> None:
        """Let every reader end: streams close, synchronous calls answer that the server is going down."""
        self.stopping.set()
        for namespace, channel in self._channels.items():
            channel.tell()
            self._hints.event(namespace)  # wakes the one that follows

    async def close(self) -> None:
        """Stop following. Nothing is cancelled, since a query cut short would cost its connection."""
        self.stop()
        await asyncio.gather(*self._followers)

    async def _follow(self, namespace: str, channel: Channel) -> None:
        read_at = 0.0
        with self._hints.listen("event", "progress", "preview") as listener:
            while not self.stopping.is_set():
                hints = await listener.wait(POLL_SECONDS)
                now = time.monotonic()
                try:
                    told = await self._hear(namespace, channel, [hint for hint in hints if hint.kind != "event"])
                    if Hint("event", namespace) in hints or now - read_at >= POLL_SECONDS:
                        read_at = now
                        told = await self._read(namespace, channel) or told
                except StorageFailed as error:
                    log.error("cannot read the log of events", action="follow", message=error.message)
                    await asyncio.sleep(POLL_SECONDS)
                else:
                    if told:
                        channel.tell()

    async def _read(self, namespace: str, channel: Channel) -> bool:
        """Take what was added to the log; whether there was anything."""
        grown = False
        while True:
            page = await self._log.after(namespace, channel.last_id, KEPT_EVENTS)
            if page.gap:
                # The log was trimmed past us or the database replaced: what is kept is no longer its newest part.
                channel.events.clear()
                channel.last_id = page.last_id
            channel.add(page.events)
            grown = grown or page.gap or bool(page.events)
            if len(page.events) < KEPT_EVENTS:
                return grown  # what has been added since has a hint of its own

    async def _hear(self, namespace: str, channel: Channel, hints: list[Hint]) -> bool:
        """Take the latest steps and partial images of this namespace's generations; whether there were any."""
        heard = False
        for hint in hints:
            id = hint.key
            if id in channel.ended_or_foreign or not await self._is_running(namespace, channel, id):
                remember(channel.ended_or_foreign, id)
                continue
            channel.reports += 1
            if hint.kind == "progress":
                channel.progress[id] = Progress(id, hint.step, hint.of, channel.reports)
            else:
                shown = Preview(id, hint.step, hint.of, channel.running[id], channel.reports)
                channel.previews.setdefault(id, {})[hint.step] = shown
            heard = True
        return heard

    async def _is_running(self, namespace: str, channel: Channel, id: str) -> bool:
        """Whether the generation is this namespace's and runs; it is looked up once."""
        if id not in channel.running:
            try:
                generation = await self._store.get(namespace, id)
            except NotFound:
                return False
            if generation.state != "processing":
                return False
            channel.running[id] = generation.plan.output_format
        return True


def remember(ids: dict[str, None], id: str) -> None:
    """Add an id to a bounded memory, which forgets the oldest."""
    ids[id] = None
    if len(ids) > KEPT_IDS:
        del ids[next(iter(ids))]
