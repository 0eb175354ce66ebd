"""The shipped model behind the seam: real weights, few steps. What the pictures look like is for eyes to judge."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from limner import wire
from limner.engines import plan as planner
from limner.engines import registry
from limner.engines.engine import Job, Pixels
from limner.engines.storybook import OPEN_STEPS, PATIENCE, StorybookEngine
from limner.model import flow, sampler, text
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


def test_the_card_says_how_many_words_are_read(engine: StorybookEngine) -> None:
    assert CARD.max_prompt_words == engine._model.tokenizer.length - text.MARKS


def test_what_else_the_process_computes_keeps_its_threads(engine: StorybookEngine) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    draw(engine, make_job("a red ball"))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


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


def test_a_cancelled_job_stops_at_its_next_step_or_never_begins_and_the_next_one_goes_on(
    engine: StorybookEngine,
) -> None:
    jobs = [make_job("a red ball", name=name, num_inference_steps=5 + i) for i, name in enumerate("abc")]
    steps: list[str] = []
    ended: list[str] = []

    def note(id: str, i: int, of: int) -> None:
        steps.append(id)
        if id == "a" and i == 2:
            control.drop({"a", "c"})

    control = BatchControl(
        jobs, Report(step=note, done=lambda job, *_: ended.append(job.id), failed=lambda *_: pytest.fail("failed")), 3
    )
    engine.run(jobs, control)
    assert steps == ["a"] * 2 + ["b"] * 6
    assert ended == ["b"]


class Company:
    """Runs jobs while others arrive: those of `arriving` join after so many steps, whoever took them."""

    def __init__(self, engine: StorybookEngine, first: list[Job], arriving: list[tuple[int, Job]]) -> None:
        self.steps: list[str] = []
        self.made: dict[str, Pixels] = {}
        self._arriving = arriving
        report = Report(
            step=lambda id, i, of: self.steps.append(id),
            done=lambda job, rgba, warnings: self.made.update({job.id: rgba}),
            failed=lambda *_: pytest.fail("failed"),
            newcomers=self._newcomers,
        )
        control = BatchControl(first, report, 4)
        engine.run(first, control)

    def _newcomers(self, batch_key: str, room: int) -> list[Job]:
        here = [job for after, job in self._arriving if after <= len(self.steps)][:room]
        assert all(job.plan.batch_key == batch_key for job in here)
        self._arriving = [pair for pair in self._arriving if pair[1] not in here]
        return here


def test_a_short_newcomer_overtakes_a_long_picture_and_neither_changes(engine: StorybookEngine) -> None:
    long = make_job("a red ball", name="long", num_inference_steps=9, size="landscape")
    short = make_job("a blue house", name="short", seed=2, background="transparent")
    company = Company(engine, [long], [(3, short)])
    assert company.steps == ["long"] * 3 + ["short"] * 2 + ["long"] * 6
    for job in (long, short):
        assert np.array_equal(company.made[job.id], draw(engine, job)[0])


def test_nobody_is_overtaken_for_ever_and_equals_keep_their_order(engine: StorybookEngine) -> None:
    long = make_job("a red ball", name="long", num_inference_steps=2)
    crowd = [(1, make_job("a red ball", name=f"short{i}", num_inference_steps=1)) for i in range(8)]
    ended = list(Company(engine, [long], crowd).made)
    assert 0 < ended.index("long") <= PATIENCE * 2 - 1
    assert [name for name in ended if name != "long"] == [job.id for _, job in crowd]


def test_a_batch_that_was_open_for_long_lets_nobody_in(engine: StorybookEngine) -> None:
    first = [make_job("a red ball", name=f"{i}", quality="low", num_inference_steps=OPEN_STEPS // 4) for i in range(4)]
    crowd = [(OPEN_STEPS * 3 // 4, make_job("an ox", name="in time")), (OPEN_STEPS, make_job("an ox", name="too late"))]
    assert list(Company(engine, first, crowd).made) == ["0", "1", "2", "in time", "3"]


def test_two_inputs_of_any_shape_are_looked_at(engine: StorybookEngine) -> None:
    chance = np.random.default_rng(0)
    shapes = [(1, 1), (1, 16_384), (3_000, 40), (700, 500)]
    odd = tuple(chance.integers(0, 256, (*shape, 4), dtype=np.uint8) for shape in shapes)
    asked = {"num_inference_steps": 1, "size": "square"}
    pictures = draw(
        engine,
        *(
            make_job("the ox of @Image1", inputs=pair, name=f"{i}{fidelity}", input_fidelity=fidelity, **asked)
            for i, pair in enumerate((odd[:1], odd[:2], odd[1:3], odd[3:1:-1]))
            for fidelity in ("low", "high")
        ),
    )
    assert {picture.shape for picture in pictures} == {(1024, 1024, 4)}
    assert all((picture[..., 3] == 255).all() for picture in pictures)


def test_words_beyond_those_that_are_read_change_nothing(engine: StorybookEngine) -> None:
    read = "a red ball " * 12 + "a red "
    short, long, other = draw(
        engine, make_job(read + "ball"), make_job(read + "house at night", name="b"), make_job("a red ball", name="c")
    )
    assert np.array_equal(short, long)
    assert not np.array_equal(short, other)


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
