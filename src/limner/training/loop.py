"""The training loop that all stages share: rate, average, log, curve, and a checkpoint to resume from. No network."""

import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from limner.errors import InvalidRequest
from limner.training import curve, muon
from limner.training.device import precision
from limner.training.progress import Progress, Watch, unwatched
from limner.training.recipe import Stage
from limner.training.team import ALONE, Team

WARM_SECONDS = 60.0
SAVE_SECONDS = 300.0
LOG_STEPS = 20
MAX_GRADIENT = 1.0


def rate_share(stage: Stage, done: float) -> float:
    """Share of the full learning rates when the fraction `done` of the stage's minutes has been used."""
    warm = min(1.0, done * stage.minutes * 60 / min(WARM_SECONDS, stage.minutes * 6) + 0.02)
    return warm * min(1.0, max(0.0, 1 - done) / (1 - stage.hold))


class Trainer:
    """Runs one stage for its minutes; killed and started again, it goes on where its last save left off.

    Time counts only while training, so a run may be spread over days. It computes where the modules are; in a team all
    processes read the same state, and the first writes it.
    """

    def __init__(
        self,
        name: str,
        stage: Stage,
        modules: nn.ModuleDict,
        folder: Path,
        watch: Watch = unwatched,
        team: Team = ALONE,
    ) -> None:
        self.name, self.stage, self.modules, self.folder, self._watch = name, stage, modules, folder, watch
        self._device, self._team = next(modules.parameters()).device, team
        team.share(list(modules.state_dict().values()))
        self.average = deepcopy(modules).requires_grad_(False)
        matrices = list(muon.hidden_matrices(modules))
        others = [parameter for parameter in modules.parameters() if all(parameter is not one for one in matrices)]
        adam = AdamW(others, stage.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.optimizers: list[tuple[Optimizer, float]] = [(adam, stage.rate)]
        if matrices:
            self.optimizers.insert(0, (muon.Muon(matrices, stage.muon_rate), stage.muon_rate))
        self.step, self.pictures, self.seconds = 0, 0, 0.0
        self.path, self._log_file = folder / f"{name}.pt", folder / "log.jsonl"
        if self.path.exists():
            self._resume()

    @property
    def done(self) -> float:
        """Fraction of the stage's minutes used."""
        return min(1.0, self.seconds / (self.stage.minutes * 60))

    @property
    def pictures_per_second(self) -> float:
        """Since the stage began."""
        return self.pictures / max(self.seconds, 1e-9)

    def run(self, loss: Callable[[int], tuple[Tensor, int]], sample: Callable[[nn.ModuleDict], None]) -> None:
        """Train until the minutes are used. `loss(step)` gives a scalar and how many pictures it saw."""
        if self.done >= 1:
            self._watch(Progress(self.name, 1.0))
            return
        last, saved, recent = time.monotonic(), time.monotonic(), []
        while self.done < 1:
            value = self.learn(loss)
            now = time.monotonic()
            self.seconds, last = self._team.agree(self.seconds + now - last, self._device), now
            if self._team.rank > 0:
                continue
            recent.append(value)
            mean = sum(recent) / len(recent)
            left = self.stage.minutes * 60 - self.seconds
            self._watch(Progress(self.name, self.done, left, self.pictures_per_second, mean))
            if self.step % LOG_STEPS == 0:
                self._log(mean)
                recent = []
            if now - saved > SAVE_SECONDS or self.done >= 1:
                self._save()
                sample(self.average)
                saved = time.monotonic()
                last = saved

    def learn(self, loss: Callable[[int], tuple[Tensor, int]]) -> float:
        """Take one step and return its loss; whoever calls this counts the seconds."""
        share = rate_share(self.stage, self.done)
        for optimizer, rate in self.optimizers:
            optimizer.param_groups[0]["lr"] = rate * share
        with precision(self._device):
            value, pictures = loss(self._team.number(self.step))
        value.backward()  # type: ignore[no-untyped-call]
        value = self._team.average(list(self.modules.parameters()), value)
        nn.utils.clip_grad_norm_(self.modules.parameters(), MAX_GRADIENT)
        for optimizer, _ in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self._follow()
        self.step, self.pictures = self.step + 1, self.pictures + pictures * self._team.size
        return float(value.detach())

    def _follow(self) -> None:
        """Move the average towards the weights; quickly at first."""
        decay = min(self.stage.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, fresh in zip(self.average.state_dict().values(), self.modules.state_dict().values(), strict=True):
                kept.lerp_(fresh, 1 - decay)

    def _log(self, loss: float) -> None:
        line = {
            "stage": self.name,
            "step": self.step,
            "pictures": self.pictures,
            "seconds": round(self.seconds, 1),
            "loss": round(loss, 5),
            "rate": round(self.stage.rate * rate_share(self.stage, self.done), 7),
            "pictures_per_second": round(self.pictures_per_second, 1),
        }
        with self._log_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _save(self) -> None:
        state = {
            "modules": self.modules.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.optimizers],
            "counts": (self.step, self.pictures, self.seconds),
        }
        partial = self.path.with_suffix(".part")
        torch.save(state, partial)
        partial.rename(self.path)
        if self._log_file.exists():
            curve.draw_curves(self._log_file, self.folder / "loss.png")

    def _resume(self) -> None:
        state = torch.load(self.path, map_location=self._device, weights_only=True)
        try:
            self.modules.load_state_dict(state["modules"])
        except RuntimeError as cause:
            message = f"{self.path} is the state of other networks or words; take another --folder"
            raise InvalidRequest(message, field="folder") from cause
        self.average.load_state_dict(state["average"])
        for (optimizer, _), kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.pictures, self.seconds = state["counts"]
