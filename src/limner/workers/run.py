"""One batch: jobs in, encoded images out. The engine's thread, what the engine may ask, composing and encoding.

It knows no queue and no database; `workers.loop` connects it to them, `limner generate` uses it without them.
"""

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from limner import errors
from limner.engines import registry
from limner.engines.engine import Engine, Job, Pixels
from limner.images.compose import fit, fit_mask, flatten, paste_by_mask
from limner.images.encode import encode
from limner.queue.hints import EngineStatus


@dataclass(frozen=True)
class Report:
    """Where a batch reports to. Every call comes from the engine's thread."""

    step: Callable[[str, int, int], None]
    """Generation id, step done (from 1), steps in all."""
    done: Callable[[Job, Pixels, tuple[str, ...]], None]
    failed: Callable[[Job, errors.LimnerError], None]
    preview: Callable[[Job, int, Pixels], None] = lambda job, index, rgba: None
    """Job, which of its partial images (from 0), and that."""
    newcomers: Callable[[str, int], list[Job]] = lambda batch_key, room: []
    """Batch key and room; must answer at once."""


class BatchControl:
    """The `Control` of one batch: asked by the engine's thread, told by any other which jobs are no longer wanted."""

    def __init__(self, jobs: list[Job], report: Report, max_batch: int) -> None:
        self._report = report
        self._max_batch = max_batch
        self._lock = threading.Lock()
        self._open = {job.id: job for job in jobs}
        self._unwanted: set[str] = set()
        self._shown: Counter[str] = Counter()
        self._stopping = False

    def drop(self, ids: set[str]) -> None:
        """Make `cancelled` true for these ids: cancelled, lease lost or past a deadline."""
        with self._lock:
            self._unwanted |= ids

    def drop_all(self) -> None:
        """Make `cancelled` true for every job, present and future."""
        self._stopping = True

    def unfinished(self) -> tuple[list[Job], list[Job]]:
        """The jobs that ended neither in `done` nor in `failed`: those still wanted, and the dropped ones."""
        with self._lock:
            wanted = [job for job in self._open.values() if not self.cancelled(job.id)]
            return wanted, [job for job in self._open.values() if self.cancelled(job.id)]

    def cancelled(self, id: str) -> bool:
        """Whether the generation is no longer wanted."""
        return self._stopping or id in self._unwanted

    def newcomers(self, batch_key: str, room: int) -> list[Job]:
        """More jobs of this batch key, never more than fill the batch."""
        with self._lock:
            room = min(room, self._max_batch - len(self._open))
        if room < 1 or self._stopping:
            return []
        jobs = self._report.newcomers(batch_key, room)
        with self._lock:
            self._open |= {job.id: job for job in jobs}
        return jobs

    def step(self, id: str, i: int, of: int) -> None:
        """Step `i` of `of` is done."""
        self._report.step(id, i, of)

    def preview(self, id: str, rgba: Pixels) -> None:
        """Report the next partial image of this job."""
        with self._lock:
            job, index = self._open[id], self._shown[id]
            self._shown[id] += 1
        if not self.cancelled(id):
            self._report.preview(job, index, rgba)

    def done(self, id: str, rgba: Pixels, warnings: tuple[str, ...]) -> None:
        """Report the finished picture, unless nobody wants it any more."""
        if self.cancelled(id):
            return
        job = self._close(id)
        if rgba.shape != (job.plan.height, job.plan.width, 4) or rgba.dtype != "uint8":
            self._report.failed(job, errors.EngineFailed("The engine made a picture of the wrong size."))
        else:
            self._report.done(job, rgba, warnings)

    def failed(self, id: str, error: errors.LimnerError) -> None:
        """Report that this job cannot be finished."""
        if not self.cancelled(id):
            self._report.failed(self._close(id), error)

    def _close(self, id: str) -> Job:
        with self._lock:
            if id not in self._open:
                raise ValueError(f"the engine ended {id} twice, or it was never in this batch")
            return self._open.pop(id)


class EngineThread:
    """One engine and the one thread in which it is imported, loaded and run."""

    def __init__(self, card_id: str, tell: Callable[[EngineStatus], None] = lambda status: None) -> None:
        self._card_id = card_id
        self._tell = tell
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"engine-{card_id}")
        self._engine: Engine | None = None

    async def run(self, jobs: list[Job], control: BatchControl) -> None:
        """Run one batch until every job was done, failed or seen to be dropped; raises whatever the engine raises.

        `error_of` translates what is raised. Cancelling this call does not stop the thread: `control.drop_all` does.
        """
        await asyncio.get_running_loop().run_in_executor(self._pool, self._run, jobs, control)

    async def load(self) -> None:
        """Load the engine if it is not loaded; raises whatever its loading raises."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._load)

    async def unload(self) -> None:
        """Let go of the engine and its memory; the next run loads it again."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._unload)

    def _load(self) -> Engine:
        if self._engine is None:
            self._tell("deploying")
            outcome: EngineStatus = "error"
            try:
                engine = registry.load_engine(self._card_id)
                engine.load()
                self._engine, outcome = engine, "active"
            finally:
                self._tell(outcome)
        return self._engine

    def _unload(self) -> None:
        self._engine = None
        gc.collect()
        self._tell("inactive")

    def _run(self, jobs: list[Job], control: BatchControl) -> None:
        self._load().run(jobs, control)


def run_here(engine: Engine, jobs: list[Job], step: Callable[[str, int, int], None]) -> dict[str, Pixels]:
    """Run a batch in the calling thread and return the pictures by job id; raises the first job's error."""
    pictures: dict[str, Pixels] = {}
    failures: list[errors.LimnerError] = []
    report = Report(
        step=step,
        done=lambda job, rgba, warnings: pictures.update({job.id: rgba}),
        failed=lambda job, error: failures.append(error),
    )
    engine.run(jobs, BatchControl(jobs, report, len(jobs)))
    for error in failures:
        raise error
    return pictures


def encode_picture(job: Job, rgba: Pixels) -> bytes:
    """The picture as a file in the plan's format; opaque over white unless the plan wants it transparent.

    `rgba` is (height, width, 4); outside a mask the first input takes its place, exactly. The only text inside says
    which model and which seed.
    """
    plan = job.plan
    if job.mask is not None:
        size = plan.width, plan.height
        rgba = paste_by_mask(fit(job.inputs[0], *size), rgba, fit_mask(job.mask, *size))
    if plan.background == "opaque":
        rgba = flatten(rgba)
    return encode(rgba, plan.output_format, plan.output_compression, {"model": plan.card, "seed": str(plan.seed)})


def error_of(cause: BaseException) -> errors.LimnerError:
    """What the caller is told when an engine raised `cause`: never its text, which may hold paths."""
    if isinstance(cause, errors.LimnerError):
        return cause
    # PyTorch raises its own class for the GPU and a bare RuntimeError for the CPU.
    if isinstance(cause, MemoryError) or "OutOfMemory" in type(cause).__name__ or "t allocate memory" in str(cause):
        return errors.OutOfMemory("The picture does not fit into the memory of the machine; a smaller size needs less.")
    return errors.EngineFailed("The engine could not make the picture; the log of the server says why.")
