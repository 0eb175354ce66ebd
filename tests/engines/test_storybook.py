"""The shipped model behind the seam: real weights, few steps. What the pictures look like is for eyes to judge."""

from dataclasses import replace

import numpy as np
import pytest

from limner import wire
from limner.engines import plan as planner
from limner.engines import registry
from limner.engines.engine import Job, Pixels
from limner.engines.storybook import StorybookEngine
from limner.model import flow, sampler
from limner.workers.run import BatchControl, Report, run_here

CARD = registry.resolve("storybook")


@pytest.fixture(scope="module")
def engine() -> StorybookEngine:
    engine = StorybookEngine()
    engine.load()
    return engine


def make_job(prompt: str, *, inputs: tuple[Pixels, ...] = (), name: str = "a", **fields: object) -> Job:
    request = wire.ImageRequest(
        namespace="local",
        model="storybook",
        prompt=prompt,
        inputs=tuple("0" * 64 for _ in inputs),
        input_sizes=tuple((rgba.shape[1], rgba.shape[0]) for rgba in inputs),
        **{"num_inference_steps": 2, "seed": 1, **fields},
    )
    return Job(name, planner.plan(request, CARD, 1)[0], inputs)


def draw(engine: StorybookEngine, *jobs: Job) -> list[Pixels]:
    pictures = run_here(engine, list(jobs), lambda id, i, of: None)
    return [pictures[job.id] for job in jobs]


def test_the_card_knows_the_words_and_the_size_of_what_was_trained() -> None:
    assert CARD.vocabulary is not None
    assert {"ox", "road", "snow"} <= CARD.vocabulary
    assert CARD.parameters > 1_000_000


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024", "1024x1536"])
def test_every_size_comes_out_as_planned_and_opaque(engine: StorybookEngine, size: str) -> None:
    (rgba,) = draw(engine, make_job("a red ball", size=size))
    width, height = map(int, size.split("x"))
    assert rgba.shape == (height, width, 4)
    assert (rgba[..., 3] == 255).all()


def test_the_same_seed_gives_the_same_bytes_alone_and_in_company(engine: StorybookEngine) -> None:
    (alone,) = draw(engine, make_job("a red ball"))
    company = draw(engine, make_job("a blue house", name="b", seed=2), make_job("a red ball"))
    assert np.array_equal(alone, company[1])
    assert not np.array_equal(alone, company[0])


def test_words_and_negative_words_change_the_picture(engine: StorybookEngine) -> None:
    ball, house, steered = draw(
        engine,
        make_job("a red ball"),
        make_job("a green house", name="b"),
        make_job("a red ball", name="c", negative_prompt="night"),
    )
    assert not np.array_equal(ball, house)
    assert not np.array_equal(ball, steered)


def test_a_transparent_background_is_see_through_at_the_corners(engine: StorybookEngine) -> None:
    (rgba,) = draw(engine, make_job("a red ball", background="transparent", num_inference_steps=8))
    assert rgba[..., 3][:40, :40].mean() < 40
    assert rgba[..., 3].max() > 200


def test_an_edit_starts_from_its_input_and_keeps_more_of_it_at_high_fidelity(engine: StorybookEngine) -> None:
    (before,) = draw(engine, make_job("a red ball in a field by day", num_inference_steps=8, seed=3))
    told = {"inputs": (before,), "num_inference_steps": 8, "seed": 4}
    low, high = draw(
        engine,
        make_job("a blue ball in a field by day", **told, input_fidelity="low"),  # type: ignore[arg-type]
        make_job("a blue ball in a field by day", **told, input_fidelity="high", name="b"),  # type: ignore[arg-type]
    )
    assert not np.array_equal(before, low)
    far, near = (np.abs(made.astype(int) - before).mean() for made in (low, high))
    assert near < far


def test_a_mask_leaves_its_surroundings_and_draws_the_rest_anew(engine: StorybookEngine) -> None:
    (before,) = draw(engine, make_job("a field by day", num_inference_steps=8, seed=3))
    mask = np.full(before.shape[:2], 255, np.uint8)
    mask[512:, 512:] = 0
    told = make_job("a red ball on the right in a field by day", inputs=(before,), num_inference_steps=8, seed=4)
    (made,) = draw(engine, replace(told, mask=mask))
    change = np.abs(made.astype(int) - before)[..., :3].mean(axis=-1)
    assert change[:384].mean() < 12, "the decoder draws what is held a little differently; it is pasted back later"
    assert change[512:, 512:].mean() > 2 * change[:384].mean()


def test_a_cancelled_job_stops_at_its_next_step_and_the_next_one_goes_on(engine: StorybookEngine) -> None:
    jobs = [make_job("a red ball", num_inference_steps=30), make_job("a blue ball", name="b")]
    steps: list[str] = []
    ended: list[str] = []

    def note(id: str, i: int, of: int) -> None:
        steps.append(id)
        if id == "a" and i == 2:
            control.drop({"a"})

    control = BatchControl(
        jobs, Report(step=note, done=lambda job, *_: ended.append(job.id), failed=lambda *_: pytest.fail("failed")), 2
    )
    engine.run(jobs, control)
    assert steps.count("a") == 2
    assert ended == ["b"]


def test_the_card_tells_from_how_many_steps_on_there_is_guidance(engine: StorybookEngine) -> None:
    def guided(steps: int) -> bool:
        low, high = sampler.GUIDED
        config = engine._model.config
        times = flow.schedule(steps, config.shift, last=config.last)[:-1]  # no step ends with an evaluation at 0
        return bool(((times >= low) & (times <= high)).any())

    assert guided(CARD.min_guided_steps)
    assert not guided(CARD.min_guided_steps - 1)


@pytest.mark.parametrize(("steps", "warned"), [(1, True), (2, False)])
def test_a_negative_prompt_that_changes_nothing_is_told(steps: int, warned: bool) -> None:
    warnings = make_job("an ox", negative_prompt="snow", num_inference_steps=steps).plan.warnings
    assert any("negative_prompt changes nothing" in warning for warning in warnings) == warned
