"""One batch without a queue: what the engine may ask, what it must tell, and what the caller is told."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner import errors
from limner.engines import plan, registry
from limner.engines.engine import Job, Pixels
from limner.wire import ImageRequest
from limner.workers.run import BatchControl, EngineThread, Report, encode_picture, error_of, run_here


def job(prompt: str = "steps=3", id: str = "a", **fields: Any) -> Job:
    """A job of *tiny*, 64x64 unless told otherwise."""
    request = ImageRequest(**{"namespace": "local", "model": "tiny", "size": "64x64", "prompt": prompt} | fields)
    return Job(id, plan.plan(request, registry.resolve("tiny"), seed=7)[0])


class Notes:
    """A report that only writes down."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.pictures: dict[str, Pixels] = {}
        self.errors: dict[str, errors.LimnerError] = {}
        self.waiting: list[Job] = []

    def report(self) -> Report:
        return Report(
            step=lambda id, i, of: self.steps.append((id, i, of)),
            done=lambda job, rgba, warnings: self.pictures.update({job.id: rgba}),
            failed=lambda job, error: self.errors.update({job.id: error}),
            newcomers=self.newcomers,
        )

    def newcomers(self, batch_key: str, room: int) -> list[Job]:
        given, self.waiting = self.waiting[:room], self.waiting[room:]
        return given


def run(notes: Notes, *jobs: Job, max_batch: int = 4) -> BatchControl:
    """Run *tiny* in this thread."""
    control = BatchControl(list(jobs), notes.report(), max_batch)
    registry.load_engine("tiny").run(list(jobs), control)
    return control


def test_every_step_and_every_picture_is_reported() -> None:
    notes = Notes()
    control = run(notes, job())
    assert notes.steps == [("a", 1, 3), ("a", 2, 3), ("a", 3, 3)]
    assert notes.pictures["a"].shape == (64, 64, 4)
    assert control.unfinished() == ([], [])


def test_a_dropped_job_ends_without_a_picture_and_its_neighbour_goes_on() -> None:
    notes, jobs = Notes(), [job(id="a"), job(id="b")]
    control = BatchControl(jobs, notes.report(), 4)
    control.drop({"a"})
    registry.load_engine("tiny").run(jobs, control)
    assert set(notes.pictures) == {"b"}
    assert control.unfinished() == ([], [jobs[0]])


def test_one_failed_job_leaves_its_neighbours_alone() -> None:
    notes = Notes()
    run(notes, job(id="a"), job("fail", id="b"))
    assert set(notes.pictures) == {"a"}
    assert notes.errors["b"].code == "engine_failed"


def test_newcomers_never_overfill_the_batch() -> None:
    notes = Notes()
    notes.waiting = [job(id=str(i)) for i in range(5)]
    widths = []
    control = BatchControl([job()], notes.report(), 3)
    widths.append(len(control.newcomers("key", 8)))
    widths.append(len(control.newcomers("key", 8)))
    assert widths == [2, 0]


def test_newcomers_are_made_with_the_running_batch() -> None:
    notes = Notes()
    notes.waiting = [job(id="late")]
    run(notes, job())
    assert set(notes.pictures) == {"a", "late"}


def test_a_picture_of_the_wrong_size_is_refused() -> None:
    notes, asked = Notes(), job()
    control = BatchControl([asked], notes.report(), 1)
    control.done("a", np.zeros((8, 8, 4), np.uint8), ())
    assert notes.errors["a"].message == "The engine made a picture of the wrong size."


def test_an_engine_that_ends_a_job_twice_is_told() -> None:
    control = run(Notes(), job())
    with pytest.raises(ValueError, match="twice"):
        control.failed("a", errors.EngineFailed("again"))


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), "out_of_memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), "out_of_memory"),
        (RuntimeError("/etc/shadow"), "engine_failed"),
        (errors.EngineFailed("The weights are missing."), "engine_failed"),
    ],
)
def test_what_an_engine_raises_becomes_an_error_without_secrets(cause: Exception, code: str) -> None:
    error = error_of(cause)
    assert error.code == code
    assert "shadow" not in error.message


async def test_an_engine_keeps_to_one_thread_and_is_loaded_once() -> None:
    notes, thread = Notes(), EngineThread("tiny")
    for id in ("a", "b"):
        jobs = [job(id=id)]
        await thread.run(jobs, BatchControl(jobs, notes.report(), 1))
    assert set(notes.pictures) == {"a", "b"}


async def test_what_the_engine_raises_comes_out_of_its_thread() -> None:
    jobs = [job("oom")]
    with pytest.raises(MemoryError):
        await EngineThread("tiny").run(jobs, BatchControl(jobs, Notes().report(), 1))


def test_a_batch_runs_without_any_queue() -> None:
    engine = registry.load_engine("tiny")
    pictures = run_here(engine, [job(id="a"), job(id="b")], lambda id, i, of: None)
    assert set(pictures) == {"a", "b"}
    with pytest.raises(errors.EngineFailed):
        run_here(engine, [job("fail")], lambda id, i, of: None)


def test_the_file_says_model_and_seed_and_nothing_of_the_prompt() -> None:
    asked = job("steps=1 a secret wish")
    image = Image.open(io.BytesIO(encode_picture(asked, np.zeros((64, 64, 4), np.uint8))))
    assert image.text == {"model": "tiny", "seed": "7"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("background", "mode"), [("opaque", "RGB"), ("transparent", "RGBA")])
def test_only_a_transparent_plan_keeps_its_alpha(background: str, mode: str) -> None:
    clear = np.zeros((64, 64, 4), np.uint8)
    image = Image.open(io.BytesIO(encode_picture(job(background=background), clear)))
    assert image.mode == mode
    assert background == "transparent" or image.getpixel((0, 0)) == (255, 255, 255)


def test_equal_jobs_give_equal_bytes() -> None:
    engine = registry.load_engine("tiny")
    files = [
        encode_picture(asked, run_here(engine, [asked], lambda id, i, of: None)[asked.id])
        for asked in (job(id="a"), replace(job(), id="b"))
    ]
    assert files[0] == files[1]


def test_a_mask_brings_the_input_back_into_the_file() -> None:
    before = np.random.default_rng(1).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    before[..., 3] = 255
    mask = np.full((64, 64), 255, np.uint8)
    mask[:, 32:] = 0
    masked = replace(job(), inputs=(before,), mask=mask)
    made = np.asarray(
        Image.open(io.BytesIO(encode_picture(masked, np.full((64, 64, 4), 99, np.uint8)))).convert("RGBA")
    )
    assert np.array_equal(made[:, :32], before[:, :32])
    assert not np.array_equal(made[:, 32:], before[:, 32:])
