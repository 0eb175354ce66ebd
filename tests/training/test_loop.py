"""The loop: its rate falls to zero, it learns, and a killed run goes on where it was saved."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from limner.training import loop
from limner.training.progress import Progress
from limner.training.recipe import Stage

STAGE = Stage(minutes=0.02, batch=1, rate=0.05, muon_rate=0.05)


def make_modules() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"net": nn.Linear(1, 1)})


def fit_line(modules: nn.ModuleDict) -> "object":
    def loss(step: int) -> tuple[Tensor, int]:
        x = torch.linspace(-1, 1, 8)[:, None]
        return (modules["net"](x) - (3 * x + 1)).square().mean(), 8

    return loss


def test_the_rate_warms_up_holds_and_falls_to_zero() -> None:
    stage = Stage(minutes=10, batch=1, rate=1.0, muon_rate=1.0, hold=0.5)
    shares = [loop.rate_share(stage, done / 100) for done in range(101)]
    assert shares[0] < 0.1
    assert max(shares) == pytest.approx(1.0)
    assert shares[60] < shares[50]
    assert shares[100] == 0


def test_a_stage_learns_keeps_the_average_a_log_and_a_curve_and_can_be_watched(tmp_path: Path) -> None:
    modules = make_modules()
    seen: list[Progress] = []
    trainer = loop.Trainer("line", STAGE, modules, tmp_path, seen.append)
    trainer.run(fit_line(modules), lambda average: None)  # type: ignore[arg-type]
    kept = trainer.average["net"].state_dict()
    assert float(kept["weight"]) == pytest.approx(3, abs=0.5)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["pictures"] == lines[-1]["step"] * 8
    assert (tmp_path / "loss.png").exists()

    assert len(seen) == trainer.step
    assert all(now.stage == "line" and now.loss is not None and now.pictures_per_second for now in seen)
    assert [now.done for now in seen] == sorted(now.done for now in seen)
    assert seen[0].seconds_left == pytest.approx(STAGE.minutes * 60 * (1 - seen[0].done))
    assert seen[-1].done == 1


def test_a_stage_that_has_ended_is_not_trained_again(tmp_path: Path) -> None:
    modules = make_modules()
    first = loop.Trainer("line", STAGE, modules, tmp_path)
    first.run(fit_line(modules), lambda average: None)  # type: ignore[arg-type]
    again = loop.Trainer("line", STAGE, make_modules(), tmp_path)
    assert (again.step, again.done) == (first.step, 1.0)
    assert torch.equal(again.average["net"].state_dict()["weight"], first.average["net"].state_dict()["weight"])
    seen: list[Progress] = []
    again = loop.Trainer("line", STAGE, make_modules(), tmp_path, seen.append)
    again.run(lambda step: pytest.fail("trained again"), lambda average: None)
    assert seen == [Progress("line", 1.0)]


def test_a_run_cut_short_goes_on_from_its_last_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    modules = make_modules()
    first = loop.Trainer("line", Stage(minutes=5, batch=1, rate=0.05, muon_rate=0.05), modules, tmp_path)
    learn = fit_line(modules)

    def stop_at_ten(step: int) -> tuple[Tensor, int]:
        if step == 10:
            raise KeyboardInterrupt
        return learn(step)  # type: ignore[operator,no-any-return]

    with pytest.raises(KeyboardInterrupt):
        first.run(stop_at_ten, lambda average: None)
    again = loop.Trainer("line", Stage(minutes=5, batch=1, rate=0.05, muon_rate=0.05), make_modules(), tmp_path)
    assert again.step == 10
    assert 0 < again.done < 1
