"""Several processes at one run, on the CPU: they move as one would that saw all their batches. None here has a GPU."""

import dataclasses
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessRaisedException

from limner.model import checkpoint
from limner.training import latents, loop, recipe, stages
from limner.training.data import EDIT, Shape
from limner.training.progress import Progress
from limner.training.recipe import Stage
from limner.training.source import World
from limner.training.team import ALONE, Team, gather

CPU = torch.device("cpu")
STAGE = Stage(minutes=0.02, batch=8, rate=0.05, muon_rate=0.05)
STEPS = 6
BLINK = dataclasses.replace(
    recipe.recipe("tiny"),
    shapes=(Shape("square", 128, 128, 20),),
    edits={EDIT: 10},
    large_pictures=1,
    decoder=Stage(0.01, 2, 1e-3, 1e-3),
    upsampler=Stage(0.01, 2, 1e-3, 1e-3),
    denoiser=Stage(0.02, 4, 1e-3, 1e-3),
)


def make_modules(seed: int) -> nn.ModuleDict:
    torch.manual_seed(seed)
    return nn.ModuleDict({"line": nn.Linear(1, 1), "rare": nn.Linear(1, 1), "idle": nn.Linear(1, 1)})


def fit_line(modules: nn.ModuleDict, number: int) -> tuple[Tensor, int]:
    x = torch.randn(8, 1, generator=torch.Generator().manual_seed(number))
    made = modules["line"](x)
    if number % 4 == 1:  # as only edits read references
        made = made + modules["rare"](x)
    return (made - (3 * x + 1)).square().mean(), 8


def take_steps_and_a_stage(folder: Path, team: Team, device: torch.device) -> None:
    """A few steps, whose weights are kept, and a whole stage; each process has a folder of its own."""
    own = folder / str(team.rank)
    own.mkdir()
    modules = make_modules(team.rank)
    trainer = loop.Trainer("steps", STAGE, modules, own, team=team)
    losses = [trainer.learn(partial(fit_line, modules)) for _ in range(STEPS)]
    modules = make_modules(team.rank)
    stage = loop.Trainer("stage", STAGE, modules, own, team=team)
    stage.run(partial(fit_line, modules), lambda average: (own / "sample").touch())
    torch.save((trainer.modules.state_dict(), losses, stage.step), folder / f"{team.rank}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("team")
    team, work = Team(2), partial(take_steps_and_a_stage, made)
    with gather(team, CPU, work):
        work(team, CPU)
    assert not torch.distributed.is_initialized()
    return made


def test_two_processes_take_the_steps_of_one_that_sees_both_batches(folder: Path, tmp_path: Path) -> None:
    modules = make_modules(0)
    alone = loop.Trainer("steps", STAGE, modules, tmp_path)

    def both(step: int) -> tuple[Tensor, int]:
        losses = [fit_line(modules, 2 * step + rank)[0] for rank in range(2)]
        return (losses[0] + losses[1]) / 2, 16

    expected = [alone.learn(both) for _ in range(STEPS)]
    (first, losses, steps), (second, same_losses, same_steps) = (torch.load(folder / f"{i}.pt") for i in range(2))
    assert losses == same_losses == pytest.approx(expected)
    assert steps == same_steps > 0
    for name, weight in alone.modules.state_dict().items():
        assert torch.equal(first[name], second[name])
        assert torch.allclose(first[name], weight, atol=1e-6), name
    assert torch.equal(first["idle.weight"], make_modules(0).state_dict()["idle.weight"])


def test_only_the_first_process_writes(folder: Path) -> None:
    assert {file.name for file in (folder / "0").iterdir()} >= {"stage.pt", "sample"}
    assert not list((folder / "1").iterdir())


def test_one_process_goes_on_where_two_have_ended(folder: Path) -> None:
    steps, pictures, seconds = torch.load(folder / "0" / "stage.pt")["counts"]
    assert pictures == steps * 8 * 2
    modules = make_modules(5)
    alone = loop.Trainer("stage", dataclasses.replace(STAGE, minutes=seconds / 60 * 1.5), modules, folder / "0")
    assert alone.step == steps
    assert alone.done == pytest.approx(2 / 3)
    alone.run(partial(fit_line, modules), lambda average: None)
    assert alone.step > steps
    assert alone.pictures == pictures + (alone.step - steps) * 8


def test_no_two_processes_ever_have_the_same_batch() -> None:
    assert sorted(Team(3, rank).number(step) for rank in range(3) for step in range(4)) == list(range(12))
    assert [ALONE.number(step) for step in range(4)] == [0, 1, 2, 3]


def fail(team: Team, device: torch.device) -> None:
    raise ValueError("the other has run out of ink")


def test_an_error_in_another_process_ends_all_and_is_told() -> None:
    with pytest.raises(ProcessRaisedException, match="the other has run out of ink"), gather(Team(2), CPU, fail):
        Team(2).agree(1.0, CPU)
    assert not torch.distributed.is_initialized()


@pytest.mark.timeout(600)
def test_the_tiny_recipe_on_two_processes_makes_a_checkpoint(tmp_path: Path) -> None:
    seen: list[Progress] = []
    world = World(BLINK.shapes, BLINK.edits, processes=1)
    model = stages.train(latents.Run(BLINK, world, tmp_path / "run", CPU, seen.append, Team(2)))
    assert list(dict.fromkeys(now.stage for now in seen)) == ["drawing", "decoder", "upsampler", "denoiser"]
    stages.export(model, tmp_path / "toy.safetensors")
    loaded = checkpoint.load(tmp_path / "toy.safetensors")
    assert all(bool(weight.isfinite().all()) for weight in loaded.state_dict().values())
    _, pictures, seconds = torch.load(tmp_path / "run" / "denoiser.pt")["counts"]
    assert pictures % (2 * BLINK.denoiser.batch) == 0
    assert seconds >= BLINK.denoiser.minutes * 60
