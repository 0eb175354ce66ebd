"""The worker's loop: claim a batch, run it, deliver its images, report. It starts no process and reads no request.

While the engine runs one batch, the images of the batch before are encoded and stored; nothing more is held. A
cancelled generation, a lost lease and a passed deadline are one thing here: the id is no longer among those that the
table says this worker holds, and the engine is told to drop it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future

import structlog

from limner import errors, wire
from limner.engines import registry
from limner.engines.engine import Job, Pixels
from limner.images.blobs import Blobs, preview_path, result_path
from limner.images.intake import read_image
from limner.queue.hints import Hints
from limner.queue.store import Store
from limner.records.deployments import Deployments
from limner.settings import Settings
from limner.workers.engines import Engines
from limner.workers.run import BatchControl, Report, encode_picture, error_of

IDLE_SECONDS = 1.0
"""Longest sleep of an idle worker when no hint wakes it."""
LOOK_SECONDS = 0.05
"""Between two looks whether the running generations are still this worker's."""
JOIN_SECONDS = 0.25
"""Between two questions for newcomers."""
PROGRESS_SECONDS = 0.1
"""Between two progress hints of one generation."""
RETRY_SECONDS = 1.0
"""Between two tries while the database cannot be used."""
GRACE_SECONDS = 1.0
"""For the engine and the deliveries to end, once the worker is told to stop."""

log = structlog.get_logger()


class WorkerLoop:
    """One worker: a name, the queue, and the engines that were needed so far."""

    def __init__(
        self, name: str, store: Store, deployments: Deployments, blobs: Blobs, hints: Hints, settings: Settings
    ) -> None:
        self.name = name
        self._store = store
        self._blobs = blobs
        self._hints = hints
        self._settings = settings
        self._cards = sorted(registry.cards())
        self._engines = Engines(deployments, hints)
        self._held: dict[str, wire.Generation] = {}
        self._holding = asyncio.Event()
        self._stopping = asyncio.Event()
        self._control: BatchControl | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        self._reap_at = 0.0

    def stop(self) -> None:
        """Claim nothing more and tell the engine to drop everything; `run` then returns within about a second."""
        self._stopping.set()
        if self._control is not None:
            self._control.drop_all()

    async def run(self) -> None:
        """Work until `stop`; by then whatever is still held is back in the queue, uncounted."""
        work, watch = asyncio.create_task(self._work()), asyncio.create_task(self._watch())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([work, watch, stopping], return_when=asyncio.FIRST_COMPLETED)
        told = self._stopping.is_set()
        self.stop()
        if self._control is not None or self._deliveries:
            await asyncio.wait([work, *self._deliveries], timeout=GRACE_SECONDS)
        ending = [work, watch, stopping, *self._deliveries]
        for task in ending:
            task.cancel()
        outcomes = await asyncio.gather(*ending, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not told:
                raise outcome
        await self._release()

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                released = await self._store.release(self.name)
        except (TimeoutError, errors.StorageFailed):
            log.exception(
                "cannot give the generations back; their leases will run out", action="requeue", worker=self.name
            )
        else:
            log.info("worker stopped", action="worker_end", worker=self.name, given_back=released)

    async def _work(self) -> None:
        """Claim and run, one batch after the other."""
        jobs: list[Job] = []
        with self._hints.listen("wake") as wakes:
            while not self._stopping.is_set():
                try:
                    if not jobs:
                        await self._engines.heed()
                        jobs = await self._claim()
                except errors.StorageFailed as error:
                    log.error("cannot claim", action="claim", worker=self.name, error=error.message)
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if jobs:
                    jobs = await self._run(jobs)
                elif self._deliveries:  # one that must run alone is not given to a worker that still holds others
                    await asyncio.wait(self._deliveries)
                else:
                    await wakes.wait(IDLE_SECONDS)

    async def _watch(self) -> None:
        """Renew the leases of what is held, and tell the engine what is not held any more."""
        lease_seconds = self._settings.lease_seconds
        with self._hints.listen("cancel") as cancels:
            while True:
                await self._holding.wait()
                beat_at = time.monotonic() + lease_seconds / 3
                while self._held:
                    await cancels.wait(LOOK_SECONDS)
                    believed = set(self._held)
                    try:
                        if time.monotonic() < beat_at:
                            kept = await self._store.held(self.name)
                        else:
                            kept = await self._store.heartbeat(self.name, lease_seconds)
                            beat_at = time.monotonic() + lease_seconds / 3
                    except errors.StorageFailed as error:
                        log.error("cannot renew the leases", action="renew", worker=self.name, error=error.message)
                        await asyncio.sleep(RETRY_SECONDS)
                        continue
                    if self._control is not None:
                        self._control.drop(believed - kept)
                self._holding.clear()

    async def _claim(self) -> list[Job]:
        """The jobs of the next batch; none if there is nothing to do."""
        lease_seconds = self._settings.lease_seconds
        if time.monotonic() >= self._reap_at:
            await self._store.reap()
            self._reap_at = time.monotonic() + lease_seconds / 3
        while generations := await self._store.claim(self.name, self._cards, self._settings.max_batch, lease_seconds):
            if jobs := await self._prepare(generations):
                return jobs
        return []

    async def _join(self, batch_key: str, room: int) -> list[Job]:
        """Jobs that may join the running batch."""
        try:
            return await self._prepare(
                await self._store.join(self.name, batch_key, room, self._settings.lease_seconds),
            )
        except errors.StorageFailed as error:
            log.error("cannot claim newcomers", action="claim", worker=self.name, error=error.message)
            return []

    async def _prepare(self, generations: list[wire.Generation]) -> list[Job]:
        """Read the input images; a generation whose inputs cannot be read fails alone."""
        for generation in generations:
            self._held[generation.id] = generation
            self._holding.set()
            log.info("started", action="start", generation=generation.id, worker=self.name, model=generation.plan.card)
        jobs = await asyncio.gather(*(self._read_job(generation) for generation in generations))
        return [job for job in jobs if job is not None]

    async def _read_job(self, generation: wire.Generation) -> Job | None:
        plan, max_pixels = generation.plan, self._settings.max_image_pixels
        try:
            digests = (*plan.inputs, plan.mask) if plan.mask else plan.inputs
            files = [await self._blobs.get_input(digest) for digest in digests]
            pictures = [await asyncio.to_thread(read_image, data, max_pixels=max_pixels) for data in files]
        except errors.LimnerError as error:
            log.error("cannot read the inputs", action="start", generation=generation.id, error=error.message)
            await self._fail(
                generation, errors.StorageFailed("An input image of this generation cannot be read any more.")
            )
            return None
        mask = pictures.pop()[..., 3] if plan.mask else None
        return Job(generation.id, plan, tuple(pictures), mask)

    async def _run(self, jobs: list[Job]) -> list[Job]:
        """Run one batch to its end and wait for the deliveries of the batch before; answers jobs that came too late."""
        jobs = [job for job in jobs if job.id in self._held]
        if not jobs:
            return []
        card = jobs[0].plan.card
        earlier = list(self._deliveries)
        newcomers = Newcomers(self._join, {job.id for job in jobs})
        control = self._control = BatchControl(jobs, self._report(newcomers), self._settings.max_batch)
        error = await self._attempt(self._engines.of(card).run(jobs, control), [job.id for job in jobs])
        self._control = None
        wanted, dropped = control.unfinished()
        late = await newcomers.late()
        for id in {job.id for job in dropped} - {job.id for job in late}:
            self._held.pop(id, None)
        for job in wanted:
            missing = errors.EngineFailed("The engine ended without making this picture.")
            await self._fail(self._held[job.id], error or missing)
        await asyncio.gather(*earlier)
        return late

    async def _attempt(self, work: Awaitable[None], ids: list[str]) -> errors.LimnerError | None:
        """Await a piece of a batch; what goes wrong in it is logged here, and told to the caller without its text."""
        try:
            await work
        except Exception as cause:
            log.exception("batch failed", action="run", worker=self.name, generations=ids)
            return error_of(cause)
        return None

    def _report(self, newcomers: "Newcomers") -> Report:
        """What the engine's thread calls; each call only leaves a note for the loop."""
        soon = asyncio.get_running_loop().call_soon_threadsafe
        told_at: dict[str, float] = {}

        def step(id: str, i: int, of: int) -> None:
            if i == of or time.monotonic() - told_at.get(id, 0.0) >= PROGRESS_SECONDS:
                told_at[id] = time.monotonic()
                soon(self._hints.progress, id, i, of)

        def done(job: Job, rgba: Pixels, warnings: tuple[str, ...]) -> None:
            soon(self._start, lambda: self._deliver(job, rgba, warnings))

        def failed(job: Job, error: errors.LimnerError) -> None:
            soon(self._start, lambda: self._fail(self._held[job.id], error))

        def preview(job: Job, index: int, rgba: Pixels) -> None:
            soon(self._start, lambda: self._show(job, index, rgba))

        return Report(step=step, done=done, failed=failed, preview=preview, newcomers=newcomers)

    def _start(self, delivery: Callable[[], Coroutine[None, None, None]]) -> None:
        task = asyncio.create_task(delivery())
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _show(self, job: Job, index: int, rgba: Pixels) -> None:
        """Encode and store a partial image and say so; one that cannot be stored is missed, and nothing else."""
        generation = self._held.get(job.id)
        if generation is None:
            return
        path = preview_path(generation.namespace, job.id, index, job.plan.output_format)

        async def write() -> None:
            await self._blobs.put_preview(path, await asyncio.to_thread(encode_picture, job, rgba))
            self._hints.preview(job.id, index, job.plan.partial_images)

        await self._attempt(write(), [job.id])

    async def _deliver(self, job: Job, rgba: Pixels, warnings: tuple[str, ...]) -> None:
        """Encode, store, finish."""
        generation = self._held[job.id]
        path = result_path(generation.namespace, generation.id, job.plan.output_format)

        async def write() -> None:
            await self._put(job.id, path, await asyncio.to_thread(encode_picture, job, rgba))

        error = await self._attempt(write(), [job.id])
        if error is not None:
            await self._fail(generation, error)
            return
        all_warnings = tuple(dict.fromkeys((*job.plan.warnings, *warnings)))
        id, attempt = generation.id, generation.attempt
        await self._settle(
            generation, "succeeded", lambda: self._store.finish(self.name, id, attempt, path, all_warnings)
        )

    async def _put(self, id: str, path: str, picture: bytes) -> None:
        """Store a finished picture. Where there is no room it waits, until there is or until nobody wants it any more.

        Meanwhile nothing is claimed, since a batch ends only when the one before it is delivered.
        """
        while True:
            try:
                await self._blobs.put(path, picture)
                return
            except errors.DiskFull as error:
                log.error("cannot store a picture", action="finish", generation=id, error=error.message)
            await asyncio.sleep(RETRY_SECONDS)
            if id not in await self._store.held(self.name):
                return  # the last move will find the same

    async def _fail(self, generation: wire.Generation, error: errors.LimnerError) -> None:
        id, attempt = generation.id, generation.attempt
        await self._settle(generation, error.code, lambda: self._store.fail(self.name, id, attempt, error))

    async def _settle(self, generation: wire.Generation, outcome: str, move: Callable[[], Awaitable[object]]) -> None:
        """Make the last move of a generation, trying until the database answers, and let go of it."""
        while True:
            try:
                await move()
            except errors.LeaseLost:
                log.info("result dropped, the generation is no longer held", action="finish", generation=generation.id)
            except errors.StorageFailed as error:
                log.error("cannot record a result", action="finish", generation=generation.id, error=error.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            else:
                log.info("finished", action="finish", generation=generation.id, worker=self.name, outcome=outcome)
            break
        if self._held.get(generation.id) is generation:
            del self._held[generation.id]


class Newcomers:
    """Asks the queue for more jobs without making the engine wait: what one call orders, a later one receives."""

    def __init__(self, join: Callable[[str, int], Coroutine[None, None, list[Job]]], ids: set[str]) -> None:
        self._join = join
        self._loop = asyncio.get_running_loop()
        self._ids = ids
        self._order: Future[list[Job]] | None = None
        self._ready: list[Job] = []
        self._late: list[Job] = []
        self._ask_at = time.monotonic() + JOIN_SECONDS

    def __call__(self, batch_key: str, room: int) -> list[Job]:
        """Up to `room` jobs that have arrived meanwhile; called by the engine's thread."""
        if self._order is None and not self._ready and time.monotonic() >= self._ask_at:
            self._order = asyncio.run_coroutine_threadsafe(self._join(batch_key, room), self._loop)
        if self._order is not None and self._order.done():
            self._sort(self._order.result())
            self._order = None
            self._ask_at = time.monotonic() + JOIN_SECONDS
        given, self._ready = self._ready[:room], self._ready[room:]
        return given

    async def late(self) -> list[Job]:
        """The jobs that this worker holds and the engine has not taken, once the batch is over."""
        if self._order is not None:
            self._sort(await asyncio.wrap_future(self._order))
        return self._ready + self._late

    def _sort(self, jobs: list[Job]) -> None:
        # After a pause longer than the lease, a job of this very batch can come back; it is to be run anew.
        self._late += [job for job in jobs if job.id in self._ids]
        self._ready += [job for job in jobs if job.id not in self._ids]
        self._ids |= {job.id for job in jobs}
